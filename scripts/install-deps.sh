#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Makes sure that what building and running needs is installed: a C compiler (SQLite and zstd are built
# from source), PostgreSQL, and the Rust toolchain. With the argument "test", also what only tests need.
# Does nothing, quickly, when all is there.
set -euo pipefail

packages=()

has_postgres() {
    local folder
    for folder in ${PATH//:/ } /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql*; do
        [[ -x $folder/initdb && -x $folder/postgres ]] && return 0
    done
    return 1
}

has_mariadb() {
    local program
    for program in mariadbd mariadb mariadb-install-db; do
        PATH=$PATH:/usr/sbin:/usr/libexec command -v "$program" >/dev/null || return
    done
}

has_postgres || packages+=(postgresql)
# The compiler alone is not enough: without libc6-dev there are no headers.
if ! echo '#include <stdlib.h>' | cc -E - >/dev/null 2>&1; then
    packages+=(gcc libc6-dev)
fi
# Without those of MariaDB's packages that start a server.
if [[ ${1:-} == test ]] && ! has_mariadb; then
    packages+=(mariadb-server-core mariadb-client-core)
fi
# `djankiserv doctor` is tested with a real proxy that is set up wrongly.
if [[ ${1:-} == test ]] && ! PATH=$PATH:/usr/sbin command -v nginx >/dev/null; then
    packages+=(nginx-light)
fi
if [[ ${1:-} == test ]] && ! command -v openssl >/dev/null; then
    packages+=(openssl)
fi
# An OpenID Connect provider to log in with, which is a program for Node.
if [[ ${1:-} == test ]] && ! command -v npm >/dev/null; then
    packages+=(nodejs npm)
fi
# The web pages are tested in a real browser; a letter without a font is an empty box.
if [[ ${1:-} == test ]] && ! command -v chromium >/dev/null; then
    packages+=(chromium fonts-dejavu-core)
fi
# The add-on is tested in a desktop program that does not start without a screen.
if [[ ${1:-} == test ]] && ! command -v xvfb-run >/dev/null; then
    packages+=(xvfb xauth libgl1-mesa-dri libegl1 libgl1 libxkbcommon-x11-0)
    packages+=(libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1)
fi
if [[ ${1:-} == test ]] && ! "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null; then
    packages+=(python3 python3-venv)
fi

# For the commands of the documentation, and for certificates.
for program in curl openssl; do
    if [[ ${1:-} == test ]] && ! command -v "$program" >/dev/null; then
        packages+=("$program")
    fi
done
# An ACME server to get certificates from, of Let's Encrypt's making. (It is a program, and no service.)
if [[ ${1:-} == test ]] && ! command -v pebble >/dev/null; then
    packages+=(pebble)
fi
# To make the Debian package, where there are such packages.
if [[ ${1:-} == test ]] && command -v dpkg >/dev/null && ! command -v dpkg-shlibdeps >/dev/null; then
    packages+=(dpkg-dev)
fi

if ((${#packages[@]})); then
    # Without this, Debian's package starts a server of its own, which nobody needs here.
    conf=/etc/postgresql-common/createcluster.d/djankiserv.conf
    install="mkdir -p ${conf%/*} && echo 'create_main_cluster = false' > $conf && apt-get update -q && "
    install+="DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ${packages[*]}"
    if [[ " ${packages[*]} " != *" postgresql "* ]]; then
        install="apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ${packages[*]}"
    fi
    if ! command -v apt-get >/dev/null; then
        echo "Missing: ${packages[*]} (names as on Debian). Install them with your system's package manager, and run this again." >&2
        exit 1
    elif [[ $(id -u) == 0 ]]; then
        echo "Installing ${packages[*]}"
        bash -c "$install"
    else
        printf 'Missing: %s. This installs it:\n\n  sudo sh -c "%s"\n\nThen run this again.\n' "${packages[*]}" "$install" >&2
        exit 1
    fi
fi

if ! command -v "${CARGO:-cargo}" >/dev/null; then
    echo "The Rust toolchain is missing: see https://rustup.rs (Debian's own may be too old)." >&2
    exit 1
fi
