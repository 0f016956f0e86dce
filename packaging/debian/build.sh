#!/usr/bin/env bash
# Builds the Debian package of a checkout, of what is committed, in a folder of its own.
# usage: packaging/debian/build.sh [FOLDER FOR THE PACKAGE, .] [OPTIONS OF dpkg-buildpackage...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=$(realpath "${1:-.}")
shift || true

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/gradsweep"
git -C "$root" archive HEAD | tar -x -C "$place/gradsweep"
cp -r "$root/packaging/debian" "$place/gradsweep/debian"
rm "$place/gradsweep/debian/build.sh"
cd "$place/gradsweep"
dpkg-buildpackage --no-sign --build=binary "$@"
cp "$place"/*.deb "$target"
ls "$target"/gradsweep_*.deb
