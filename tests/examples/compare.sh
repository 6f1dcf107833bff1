#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# compare.sh PROGRAM EXPECTED - runs an example in an empty directory; it must succeed and print what is expected.
set -euo pipefail
program=$1 expected=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export SLOW_MS=300 # what a slow service takes
timeout 100 "$program" >out 2>err || {
	echo "$program ended with $?:"
	cat out err
	exit 1
}
diff -u "$expected" out || {
	cat err
	exit 1
}
