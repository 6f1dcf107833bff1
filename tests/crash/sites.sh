#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sites.sh FILE... - the names of all points in these sources, as a list of C strings.
grep -oh 'KK_POINT("[^"]*")' "$@" | sed 's/KK_POINT(\(.*\))/\1,/' | LC_ALL=C sort -u
