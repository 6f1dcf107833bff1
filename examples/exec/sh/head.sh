#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# head.sh FILE - a program per item, for the stage `exec`: the first lines of a text, and how many there were in all.
#
#	use: exec
#	with: { command: [examples/exec/sh/head.sh, "{in.txt}"], facts: true, skip_codes: "3", env: KEEP=5 }
#
# stdout is the item's new payload; lines name=value on descriptor 3 become fields of the item; the exit status says
# whether all went well (0), nobody needs the item (3, by skip_codes) or it failed (all others, and the last line on
# stderr says why). Facts about the item are in the environment: KAKEHI_KEY, KAKEHI_ID, KAKEHI_SIZE, ...
set -eu

file=$1
if [ "$KAKEHI_SIZE" -eq 0 ]; then
	exit 3
fi
if ! LC_ALL=C.UTF-8 iconv -f UTF-8 -t UTF-8 "$file" >/dev/null 2>&1; then
	echo "$KAKEHI_KEY is no text" >&2
	exit 1
fi
lines=$(wc -l <"$file")
echo "lines=$((lines))" >&3
head -n "${KEEP:-5}" "$file"
