#!/usr/bin/env bash
# What gradsweep needs, without root, in a folder of one's own; afterwards `source FOLDER/environment.sh`, and build as usual.
# usage: jobs/unpack.sh FOLDER [--sources FOLDER WITH ARCHIVES]
#
# Where there is apt: Debian's packages that this machine lacks, downloaded and unpacked there, with what they need. A compiler must
# be there. Elsewhere, on a cluster of another kind, MPI, HDF5, ScaLAPACK, a BLAS and CMake are to be loaded as modules; of libfyaml,
# Random123, xxHash and cmocka the archives of their sources that lie in the folder of --sources are built.
set -euo pipefail

packages=(cmake ninja-build pkg-config openmpi-bin libopenmpi-dev libhdf5-openmpi-dev libscalapack-openmpi-dev libopenblas-dev
    libfyaml-dev librandom123-dev libxxhash-dev libcmocka-dev)

refuse() {
    echo "jobs/install.sh --prefix: $*" >&2
    exit 2
}

prefix='' sources=''
while [ $# -gt 0 ]; do
    case $1 in
        --sources)
            [ -d "${2:-}" ] || refuse "--sources takes a folder, not '${2:-}'"
            sources=$(realpath "$2")
            shift
            ;;
        -*) refuse "unknown option $1; known: --sources FOLDER" ;;
        *) prefix=$1 ;;
    esac
    shift
done
[ -n "$prefix" ] || refuse "it takes a folder: jobs/install.sh --prefix FOLDER"
mkdir -p "$prefix"
prefix=$(realpath "$prefix")
[[ $prefix != *[[:space:]:]* ]] || refuse "the folder's path must have no spaces and no colons: $prefix"
command -v cc >/dev/null || command -v gcc >/dev/null || refuse "there is no C compiler (cc, gcc); load one, or have root install it"

# ---- Debian's packages ----

# Lists of packages of one's own: those of the system may be missing or old.
apt_options=(-o "Dir::State::lists=$prefix/apt/lists" -o "Dir::Cache=$prefix/apt/cache" -o Debug::NoLocking=1
    -o APT::Sandbox::User="$(id -un)" -o Dpkg::Use-Pty=0)

unpack_packages() {
    local file links
    mkdir -p "$prefix/apt/lists/partial" "$prefix/apt/cache/archives/partial" "$prefix/apt/packages"
    apt-get "${apt_options[@]}" update -q >"$prefix/apt/log" 2>&1 || refuse "apt-get update fails, see $prefix/apt/log"
    # What is missing here, with what that needs in turn; as a simulation, which root alone could make true.
    mapfile -t missing < <(apt-get "${apt_options[@]}" --simulate --no-install-recommends install "${packages[@]}" |
        awk '$1 == "Inst" { print $2 }')
    echo "${#missing[@]} packages are missing here" >&2
    if [ ${#missing[@]} -gt 0 ]; then
        (cd "$prefix/apt/packages" && apt-get "${apt_options[@]}" download -q "${missing[@]}" >>"$prefix/apt/log" 2>&1) ||
            refuse "packages cannot be downloaded, see $prefix/apt/log"
    fi
    for file in "$prefix"/apt/packages/*.deb; do
        [ -e "$file" ] || continue
        dpkg-deb --extract "$file" "$prefix"
    done
    # They say where they lie.
    find "$prefix/usr" -path '*/pkgconfig/*.pc' -type f -exec sed -i "s#/usr#$prefix/usr#g; s#$prefix$prefix#$prefix#g" {} + 2>/dev/null || true
    # Links that lead out of the folder, to what would have been unpacked there.
    while read -r links; do
        file=$(readlink "$links")
        [ -e "$links" ] || [ ! -e "$prefix$file" ] || ln -sfn "$prefix$file" "$links"
    done < <(find "$prefix/usr" -type l -lname '/*')
    choose_alternatives
}

# What Debian's own scripts would have chosen at installation. Programs that are there already stay.
choose_alternatives() {
    local bin=$prefix/usr/bin name
    [ -d "$bin" ] || return 0
    for name in mpicc mpirun mpiexec; do
        [ -e "$bin/$name" ] || [ ! -e "$bin/$name.openmpi" ] || ln -s "$name.openmpi" "$bin/$name"
    done
    [ -e "$bin/pkg-config" ] || [ ! -e "$bin/pkgconf" ] || ln -s pkgconf "$bin/pkg-config"
}

# ---- sources ----

# unpack_source NAME: prints the folder of the archive of that name; fails where there is none.
unpack_source() {
    local archive folder=$prefix/sources/$1
    archive=$(find "$sources" -maxdepth 1 -iname "*$1*.tar.*" | sort | tail -n 1)
    [ -n "$archive" ] || return 1
    rm -rf "$folder"
    mkdir -p "$folder"
    tar -xf "$archive" -C "$folder" --strip-components=1
    echo "$folder"
}

build_sources() {
    local folder
    mkdir -p "$prefix/usr/include"
    if folder=$(unpack_source random123); then
        cp -r "$folder/include/Random123" "$prefix/usr/include/"
    fi
    if folder=$(unpack_source xxhash); then
        make -s -C "$folder" PREFIX="$prefix/usr" install >"$folder/log" 2>&1 || refuse "xxHash cannot be built, see $folder/log"
    fi
    if folder=$(unpack_source libfyaml); then
        if [ -x "$folder/configure" ]; then
            (cd "$folder" && ./configure --prefix="$prefix/usr" --disable-static && make -s install) >"$folder/log" 2>&1
        else
            build_by_cmake "$folder" -DBUILD_SHARED_LIBS=ON
        fi || refuse "libfyaml cannot be built, see $folder/log"
    fi
    if folder=$(unpack_source cmocka); then
        build_by_cmake "$folder" -DWITH_EXAMPLES=OFF || refuse "cmocka cannot be built, see $folder/log"
    fi
}

# build_by_cmake FOLDER OPTIONS...
build_by_cmake() {
    { cmake -S "$1" -B "$1/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix/usr" -DCMAKE_INSTALL_LIBDIR=lib "${@:2}" &&
        cmake --build "$1/build" --target install; } >"$1/log" 2>&1
}

# ---- what a shell must know ----

write_environment() {
    local architecture libraries='' folder
    architecture=$("$(command -v gcc || command -v cc)" -print-multiarch 2>/dev/null || true)
    for folder in lib lib64 "lib/$architecture" "lib/$architecture/openmpi/lib" "lib/$architecture/hdf5/openmpi" \
        "lib/$architecture/openblas-pthread"; do
        [ ! -d "$prefix/usr/$folder" ] || libraries=$libraries:$prefix/usr/$folder
    done
    [ ! -d "$prefix/lib/$architecture" ] || libraries=$libraries:$prefix/lib/$architecture
    libraries=${libraries#:}
    cat >"$prefix/environment.sh" <<END
# What gradsweep needs lies here; to be sourced before it is built and run. Made by jobs/install.sh --prefix.
export PATH=$prefix/usr/bin:\$PATH
export LD_LIBRARY_PATH=$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
export LIBRARY_PATH=$libraries\${LIBRARY_PATH:+:\$LIBRARY_PATH}
export CPATH=$prefix/usr/include\${CPATH:+:\$CPATH}
export PKG_CONFIG_PATH=${libraries//://pkgconfig:}/pkgconfig:$prefix/usr/share/pkgconfig\${PKG_CONFIG_PATH:+:\$PKG_CONFIG_PATH}
export CMAKE_PREFIX_PATH=$prefix/usr\${CMAKE_PREFIX_PATH:+:\$CMAKE_PREFIX_PATH}
export CMAKE_LIBRARY_PATH=$libraries\${CMAKE_LIBRARY_PATH:+:\$CMAKE_LIBRARY_PATH}
END
    [ ! -e "$prefix/usr/bin/mpicc.openmpi" ] || cat >>"$prefix/environment.sh" <<END
# Open MPI asks here where it was moved to. Of its parts, those for networks that are not here lack their libraries.
export OPAL_PREFIX=$prefix/usr
export OMPI_MCA_mca_base_component_show_load_errors=0
END
}

if [ -n "$sources" ]; then
    build_sources
elif command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    unpack_packages
else
    echo "There is no apt here. Load as modules: a C compiler, an MPI, a parallel HDF5 with its high-level library and ScaLAPACK of" >&2
    echo "that MPI, a BLAS, CMake from 3.22 on. Put archives of the sources of libfyaml, Random123, xxHash and cmocka into a folder, and" >&2
    echo "call jobs/install.sh --prefix $prefix --sources THAT FOLDER: docs/install.md" >&2
    exit 1
fi
write_environment
echo "jobs/install.sh: now: source $prefix/environment.sh" >&2
