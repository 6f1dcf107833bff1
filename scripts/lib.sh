# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh - what the scripts beside it share: the tree's root, and Debian packages. To be sourced.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(nproc)

# What is needed for what.
declare -A packages=(
	[build]="gcc libc6-dev make cmake ninja-build pkg-config binutils
		libfyaml-dev libcurl4-openssl-dev libc-ares-dev libssl-dev libvips-dev libglib2.0-dev
		libjpeg62-turbo-dev liblcms2-dev libxxhash-dev libseccomp-dev libjansson-dev libzstd-dev zlib1g-dev
		libcmocka-dev libmicrohttpd-dev libuv1-dev libsqlite3-dev python3"
	[test]="g++ groff-base openssl nginx-light mate-backgrounds ca-certificates spin python3
		python3-jsonschema python3-yaml zstd"
	[demo]="mate-backgrounds ca-certificates"
	[fuzz]="clang libclang-rt-14-dev"
	[lint]="clang clang-format clang-tidy shellcheck"
	[web]="python3 python3-opencv nginx-light mate-backgrounds parallel curl libvips-tools"
	[bench]="python3 mate-backgrounds g++ libck-dev libdpdk-dev libboost-dev libzmq3-dev"
)

say() {
	printf '%s\n' "$*" >&2
}

die() {
	say "$(basename "$0"): $*"
	exit 1
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs to be root, or sudo, for: $*"
	fi
}

# Prints those of the named packages that are not installed.
missing_packages() {
	local package status
	for package in "$@"; do
		# shellcheck disable=SC2016 # the format is dpkg-query's
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$status" = installed ] || printf '%s\n' "$package"
	done
}

# Installs without starting the services of what is installed: the tests start their own nginx.
apt_install() {
	local policy=/usr/sbin/policy-rc.d made=no status=0
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root sh -c "cat >$policy && chmod 755 $policy"
		made=yes
	fi
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 \
		install "$@" || status=$?
	[ "$made" = no ] || as_root rm -f "$policy"
	return "$status"
}

# install_for PURPOSE... - installs exactly what is missing, and says so; does nothing if nothing is.
install_for() {
	local purpose wanted=() missing log
	for purpose in "$@"; do
		read -r -d '' -a list <<<"${packages[$purpose]}" || true
		wanted+=("${list[@]}")
	done
	mapfile -t missing < <(missing_packages "${wanted[@]}" | sort -u)
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || die "no apt-get here; please install: ${missing[*]}"
	say "installing: ${missing[*]}"
	log=$(mktemp)
	if ! { as_root apt-get -q update && apt_install "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
		cat "$log" >&2
		rm -f "$log"
		die "could not install: ${missing[*]}"
	fi
	rm -f "$log"
}

# quietly COMMAND... - its output only if it fails.
quietly() {
	local output
	output=$("$@" 2>&1) && return 0
	say "$output"
	return 1
}

# configure PRESET - configures the preset's build directory.
configure() {
	(cd "$root" && quietly cmake --preset "$1")
}

# build PRESET [TARGET...] - configures and builds.
build() {
	local preset=$1
	shift
	configure "$preset" || return 1
	(cd "$root" && quietly cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"})
}
