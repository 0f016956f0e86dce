#!/usr/bin/env bash
# Called by conda build; variables in capitals are its own.
set -euo pipefail
# shellcheck disable=SC2086  # CMAKE_ARGS are words
# conda's CFLAGS have -O2, which Release's own follow.
cmake -S gradsweep -B build -G Ninja $CMAKE_ARGS -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$PREFIX" \
    -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_PREFIX_PATH="$PREFIX" -DHDF5_ROOT="$PREFIX" -DBLA_VENDOR=Generic \
    -DRANDOM123_INCLUDE_DIR="$SRC_DIR/random123/include" -DGRADSWEEP_BUILD_TESTS=OFF
cmake --build build -j "${CPU_COUNT:-2}"
cmake --install build
