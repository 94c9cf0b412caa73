#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Runs a command beside private database servers that live only as long as the command:
#   scripts/private-databases.sh cargo test
#   DJANKISERV_TEST_ENGINE=mysql scripts/private-databases.sh cargo test
# DJANKISERV_TEST_ENGINE says which: postgresql (the default), mysql (a MariaDB), mixed or mixed-reverse (both). The command finds them in
# DJANKISERV_TEST_POSTGRES and DJANKISERV_TEST_MYSQL, addresses with the rights of an administrator; tests make
# databases of their own there. If one is set already, the server that it names is used instead.
set -euo pipefail

engine=${DJANKISERV_TEST_ENGINE:-postgresql}
case $engine in
    postgresql) wanted=(postgres) ;;
    mysql) wanted=(mysql) ;;
    mixed | mixed-reverse) wanted=(postgres mysql) ;;
    *) echo "DJANKISERV_TEST_ENGINE must be postgresql, mysql, mixed or mixed-reverse, not $engine" >&2; exit 1 ;;
esac

# Short, because a socket's path has 107 bytes at most; not below TMPDIR, which another account may not be able to enter.
folder=$(mktemp -d /tmp/djankiserv-db-XXXXXX)
chmod 711 "$folder"
servers=()
logs=()

# shellcheck disable=SC2317,SC2329 # called by the trap
stop() {
    local pid
    for pid in "${servers[@]}"; do
        # Both end at once on their signal, without waiting for connections.
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${servers[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap stop EXIT

# owned_by USER FOLDER: makes the folder, and sets as_owner. Neither server runs as root.
owned_by() {
    mkdir "$2"
    as_owner=()
    if [[ $(id -u) == 0 ]]; then
        chown "$1" "$2"
        as_owner=(setpriv --reuid "$1" --regid "$(id -g "$1")" --clear-groups --)
    fi
}

# await WHAT LOG COMMAND...: waits until the command succeeds.
await() {
    local what=$1 log=$2
    shift 2
    for _ in $(seq 300); do
        "$@" >/dev/null 2>&1 && return
        kill -0 "${servers[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    echo "$what does not start:" >&2
    cat "$log" >&2
    exit 1
}

start_postgres() {
    local bin='' place dir=$folder/pg
    # The newest version wins.
    for place in ${PATH//:/ } /usr/libexec/postgresql* /usr/pgsql-*/bin $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V); do
        [[ -x $place/initdb && -x $place/postgres ]] && bin=$place
    done
    [[ -n $bin ]] || { echo "PostgreSQL is not installed: run scripts/install-deps.sh" >&2; exit 1; }
    owned_by postgres "$dir"
    cd "$dir"
    "${as_owner[@]}" "$bin/initdb" --no-sync -D "$dir/data" -U postgres --encoding=UTF8 --locale=C --auth=trust >"$folder/initdb.log" 2>&1 ||
        { cat "$folder/initdb.log" >&2; exit 1; }
    # Nothing here has to survive a crash, so nothing waits for the disk. (What does is tested with the embedded database.)
    logs+=("$folder/postgres.log")
    "${as_owner[@]}" "$bin/postgres" -D "$dir/data" -c listen_addresses= -c unix_socket_directories="$dir" \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200 -c max_locks_per_transaction=256 \
        >"$folder/postgres.log" 2>&1 &
    servers+=($!)
    cd "$OLDPWD"
    await PostgreSQL "$folder/postgres.log" grep '^ready' "$dir/data/postmaster.pid"
    export DJANKISERV_TEST_POSTGRES="postgresql:///postgres?host=$dir&user=postgres"
}

start_mysql() {
    local server dir=$folder/my
    server=$(PATH=$PATH:/usr/sbin:/usr/libexec:/usr/local/sbin command -v mariadbd) ||
        { echo "MariaDB is not installed: run scripts/install-deps.sh test" >&2; exit 1; }
    owned_by nobody "$dir"
    cd "$dir"
    # A folder of its own for temporary tables: a server that starts removes those of all others from the folder that it uses.
    mkdir "$dir/tmp"
    chmod 777 "$dir/tmp"
    TMPDIR=$dir/tmp "${as_owner[@]}" mariadb-install-db --no-defaults --datadir="$dir/data" --auth-root-authentication-method=normal --skip-test-db \
        --skip-name-resolve >"$folder/install.log" 2>&1 || { cat "$folder/install.log" >&2; exit 1; }
    logs+=("$folder/mariadb.log")
    # Without waiting for the disk, and with the default of max_allowed_packet, whose limit is tested.
    "${as_owner[@]}" "$server" --no-defaults --datadir="$dir/data" --tmpdir="$dir/tmp" --socket="$dir/socket" --pid-file="$dir/pid" --skip-networking \
        --skip-log-bin --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --innodb-doublewrite=0 \
        --innodb-log-file-size=256M --innodb-buffer-pool-size=256M --max-connections=300 --table-open-cache=4000 \
        >"$folder/mariadb.log" 2>&1 &
    servers+=($!)
    cd "$OLDPWD"
    await MariaDB "$folder/mariadb.log" mariadb --no-defaults --socket="$dir/socket" --user=root --execute="DO 1"
    export DJANKISERV_TEST_MYSQL="mysql://root@localhost/mysql?socket=$dir/socket"
}

for one in "${wanted[@]}"; do
    name=DJANKISERV_TEST_${one^^}
    [[ -n ${!name:-} ]] || "start_$one"
done

status=0
"$@" || status=$?
if ((status)); then
    for log in "${logs[@]}"; do
        echo "--- the last lines of $(basename "$log")" >&2
        tail -n 20 "$log" >&2
    done
fi
exit "$status"
