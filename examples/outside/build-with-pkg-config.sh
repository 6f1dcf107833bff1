#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build-with-pkg-config.sh DIRECTORY - builds the same things as CMakeLists.txt, with the compiler and pkg-config alone.
set -eu
here=$(dirname "$0")
to=$1
cc=${CC:-cc}
# Flags are words by design.
# shellcheck disable=SC2046
$cc -std=gnu11 -Wall -Wextra -o "$to/segment" "$here/segment.c" $(pkg-config --cflags --libs kakehi)
# shellcheck disable=SC2046
$cc -std=gnu11 -Wall -Wextra -shared -fPIC -DKK_STAGE_MODULE -o "$to/shout.so" "$here/shout.c" $(pkg-config --cflags kakehi)
