#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Makes one virtualenv per file in clients/ (and one for pytest). Safe to run
# again: a stamp with the hash of the requirement file makes that instant.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${DJANKISERV_TEST_DIR:-$(dirname "$here")/target/e2e}
python=${PYTHON:-python3}

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "e2e: python3-venv is missing: sudo apt-get install -y python3-venv" >&2
    exit 1
fi
mkdir -p "$dir"
python_version=$("$python" --version)

# make_env NAME REQUIREMENTS
make_env() {
    local env=$dir/$1 wanted
    # The path belongs to the hash: a virtualenv breaks when it is moved.
    wanted=$( (echo "$env"; echo "$python_version"; cat "$2") | sha256sum | cut -d' ' -f1)
    if [[ -f $env/.stamp && $(<"$env/.stamp") == "$wanted" ]]; then
        return
    fi
    echo "e2e: installing $1"
    rm -rf "$env"
    "$python" -m venv "$env"
    "$env/bin/pip" install --quiet --disable-pip-version-check -r "$2"
    echo "$wanted" >"$env/.stamp"
}

# Two runs at the same time would remove each other's half-made environments.
exec 9>"$dir/.lock"
flock 9

make_env run "$here/clients/run.txt"
make_env proxies "$here/proxies.txt"
make_env schema "$here/schema.txt"
for file in "$here"/clients/*.txt; do
    name=$(basename "$file" .txt)
    [[ $name == run ]] || make_env "anki-$name" "$file"
done
# Clients without a file of their own get the packages of the next older one that has one.
for version in ${E2E_CLIENTS:-}; do
    [[ -f $here/clients/$version.txt ]] && continue
    like=$(cd "$here/clients" && { ls ./*.txt | sed 's|^./||; s|\.txt$||' | grep -v run; echo "$version"; } |
        sort -V | grep -B1 -xF "$version" | head -1)
    requirements=$(mktemp)
    { sed -E "s/^anki==.*/anki==$version/" "$here/clients/$like.txt"; echo "decorator"; } | sort -u >"$requirements"
    make_env "anki-$version" "$requirements"
    rm "$requirements"
done

# The provider that test_web_oidc.py logs in with runs on Node.
if command -v npm >/dev/null; then
    env=$dir/oidc
    wanted=$( (echo "$env"; node --version; cat "$here"/oidc/*) | sha256sum | cut -d' ' -f1)
    if [[ ! -f $env/.stamp || $(<"$env/.stamp") != "$wanted" ]]; then
        echo "e2e: installing oidc"
        rm -rf "$env"
        cp -r "$here/oidc" "$env"
        npm ci --prefix "$env" --silent --no-audit --no-fund
        echo "$wanted" >"$env/.stamp"
    fi
fi
