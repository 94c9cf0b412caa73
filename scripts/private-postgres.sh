#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Runs a command beside a private PostgreSQL that lives only as long as the command:
#   scripts/private-postgres.sh cargo test
# The command finds it in DJANKISERV_TEST_POSTGRES, an address with the rights of a superuser; tests make
# databases of their own there. If that is set already, the server that it names is used instead.
set -euo pipefail

if [[ -n ${DJANKISERV_TEST_POSTGRES:-} ]]; then
    exec "$@"
fi

# The newest version wins.
bin=
for folder in ${PATH//:/ } /usr/libexec/postgresql* /usr/pgsql-*/bin $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V); do
    [[ -x $folder/initdb && -x $folder/postgres ]] && bin=$folder
done
[[ -n $bin ]] || { echo "PostgreSQL is not installed: run scripts/install-deps.sh" >&2; exit 1; }

# Short, because a socket's path has 107 bytes at most; not below TMPDIR, which another account may not be able to enter.
folder=$(mktemp -d /tmp/djankiserv-pg-XXXXXX)
as_owner=()
if [[ $(id -u) == 0 ]]; then
    # PostgreSQL refuses to run as root.
    chown postgres "$folder"
    as_owner=(setpriv --reuid postgres --regid "$(id -g postgres)" --clear-groups --)
fi

server=
# shellcheck disable=SC2317,SC2329 # called by the trap
stop() {
    if [[ -n $server ]]; then
        kill -INT "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap stop EXIT

cd "$folder"
"${as_owner[@]}" "$bin/initdb" --no-sync -D "$folder/data" -U postgres --encoding=UTF8 --locale=C --auth=trust >"$folder/initdb.log" 2>&1 ||
    { cat "$folder/initdb.log" >&2; exit 1; }
# Nothing here has to survive a crash, so nothing waits for the disk. (What does is tested with the embedded database.)
"${as_owner[@]}" "$bin/postgres" -D "$folder/data" -c listen_addresses= -c unix_socket_directories="$folder" \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200 -c max_locks_per_transaction=256 \
    >"$folder/postgres.log" 2>&1 &
server=$!
cd "$OLDPWD"

for _ in $(seq 200); do
    [[ $(sed -n 8p "$folder/data/postmaster.pid" 2>/dev/null) == ready* ]] && break
    kill -0 "$server" 2>/dev/null || { cat "$folder/postgres.log" >&2; exit 1; }
    sleep 0.1
done

export DJANKISERV_TEST_POSTGRES="postgresql:///postgres?host=$folder&user=postgres"
status=0
"$@" || status=$?
if ((status)); then
    echo "--- the last lines of the private PostgreSQL's log" >&2
    tail -n 20 "$folder/postgres.log" >&2
fi
exit "$status"
