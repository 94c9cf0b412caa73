#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Gets the proxies of test_proxies.py that the system lacks, and prints nothing. Debian's packages are unpacked into a folder, not installed:
# installed, they would start servers on port 80 of this machine.
#   unpack-proxies.sh FOLDER
set -euo pipefail
folder=$1
PATH=$PATH:/usr/sbin
missing=()
for program in nginx:nginx apache2:apache2-bin haproxy:haproxy; do
    [[ -x $folder/usr/sbin/${program%:*} ]] || command -v "${program%:*}" >/dev/null || missing+=("${program#*:}")
done
((${#missing[@]})) || exit 0
if ! command -v apt-get >/dev/null; then
    echo "Missing: ${missing[*]} (names as on Debian). Install them with your system's package manager." >&2
    exit 1
fi
# What apt-get would install: the packages, and the libraries that are not there yet.
wanted=$(apt-get -s --no-install-recommends install "${missing[@]}" 2>/dev/null | awk '/^Inst/ { print $2 }') || true
if [[ -z $wanted ]]; then
    apt-get update -q >/dev/null
    wanted=$(apt-get -s --no-install-recommends install "${missing[@]}" | awk '/^Inst/ { print $2 }')
fi
mkdir -p "$folder/packages"
cd "$folder/packages"
# shellcheck disable=SC2086 # a list of names
apt-get download -q $wanted >/dev/null
for package in *.deb; do
    dpkg -x "$package" "$folder"
done
