#!/bin/sh
# Point-in-time recovery with PostgreSQL's own programs: everything that is committed is streamed to another machine as
# it happens, so that the database can be put back to any moment. docs/backup.md tells when, and what comes after it.
#
#   pitr.sh stream              keep copying what is committed; a service, see till-wal.service
#   pitr.sh base                copy the whole database, once a day; older copies than the newest two go
#   pitr.sh restore WHEN DATA   make a new data folder as of WHEN ("2026-11-22 12:00:00 UTC", or "latest")
#
# TILL_PITR is the folder of the copies, on another machine than the database. Who and where the database is, libpq's own
# variables say (PGHOST, PGUSER, PGPASSFILE …); the role needs REPLICATION. TILL_POSTGRES_BIN is the folder of the
# programs, which are of the server's major version.
set -eu

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "$1"
    say "  next  $2"
    exit 1
}
path_of() { printf '%s' "${TILL_POSTGRES_BIN:+$TILL_POSTGRES_BIN/}$1"; }
run() {
    program=$(path_of "$1")
    shift
    "$program" "$@"
}

folder=${TILL_PITR:-}
[ -n "$folder" ] || fail "TILL_PITR is not set." "Set it to the folder of the copies, on another machine than the database."
slot=${TILL_PITR_SLOT:-till_pitr}
umask 077
mkdir -p "$folder/wal" "$folder/base"

stream() {
    # The slot lets the server keep what was not copied yet, while this machine is away.
    run pg_receivewal --create-slot --if-not-exists --slot="$slot" --no-password
    # --synchronous writes each piece through to the disk at once. In place of this shell, so that whoever ends it ends that.
    exec "$(path_of pg_receivewal)" --directory="$folder/wal" --slot="$slot" --synchronous --status-interval=1 --no-password
}

base() {
    aside=$folder/base/.partial
    rm -rf "$aside"
    run pg_basebackup --pgdata="$aside" --wal-method=stream --checkpoint=fast --no-password
    run pg_verifybackup "$aside" >&2
    sync
    # A copy is good for every moment after it was complete, so that moment is its name.
    name=$(date -u +%Y%m%dT%H%M%SZ)
    mv "$aside" "$folder/base/$name"
    say "$folder/base/$name"
    prune
}

bases() { find "$folder/base" -mindepth 1 -maxdepth 1 -name '2*Z' | sort; }

prune() {
    bases | head -n -2 | while read -r old; do rm -rf "$old"; done
    oldest=$(bases | head -n 1)
    first=$(sed -n 's/^START WAL LOCATION: .* (file \(.*\))$/\1/p' "$oldest/backup_label")
    run pg_archivecleanup "$folder/wal" "$first"
}

restore() {
    [ $# = 2 ] || fail "It takes a moment and a folder." "pitr.sh restore '2026-11-22 12:00:00 UTC' /var/lib/postgresql/15/restored"
    when=$1 data=$2
    [ ! -e "$data" ] || fail "$data exists, and nothing is ever restored over another." "Name a folder that does not exist."
    if [ "$when" = latest ]; then
        chosen=$(bases | tail -n 1)
        target=
    else
        moment=$(date -u -d "$when" +%Y%m%dT%H%M%SZ) || fail "$when is not a moment." "Write it as 2026-11-22 12:00:00 UTC."
        chosen=$(bases | while read -r each; do
            if [ "$(printf '%s\n%s\n' "${each##*/}" "$moment" | sort | head -n 1)" = "${each##*/}" ]; then echo "$each"; fi
        done | tail -n 1)
        target=$(date -u -d "$when" '+%Y-%m-%d %H:%M:%S.%N+00')
    fi
    [ -n "$chosen" ] || fail "There is no copy from before that moment." "Choose a later moment, or restore a backup of \`till backup\`."
    cp -a "$chosen" "$data"
    chmod 700 "$data"
    {
        # What was being copied when everything ended has a name of its own.
        printf "restore_command = 'cp \"%s/wal/%%f\" \"%%p\" || cp \"%s/wal/%%f.partial\" \"%%p\"'\n" "$folder" "$folder"
        [ -z "$target" ] || printf "recovery_target_time = '%s'\nrecovery_target_action = 'promote'\n" "$target"
    } >>"$data/postgresql.auto.conf"
    touch "$data/recovery.signal"
    say "$data is made from ${chosen##*/}."
    say "  next  start PostgreSQL on it, and before anything of Tillkeeper's: till isolation keep"
}

case ${1:-} in
stream | base) "$1" ;;
restore)
    shift
    restore "$@"
    ;;
*) fail "What shall be done?" "pitr.sh stream | base | restore WHEN DATA" ;;
esac
