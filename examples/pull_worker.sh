#!/bin/sh
# A pull-worker of nothing but shell and curl. It takes one job after the other, gives each to COMMAND, and says how it
# ended:
#
#   TITAN_TOKEN=titan.… ./pull_worker.sh http://127.0.0.1:8000 COMMAND [ARGUMENT…]
#
# COMMAND reads the job as a line of JSON on standard input, and has its id in TITAN_JOB. What it prints is the log; that
# it ends with 0 means success. While it works the job is touched; once that is refused (somebody has cancelled it, or it
# has timed out) COMMAND is stopped. With ONCE=1 it ends when there is no job left.
set -u
url=$1/v1
shift
wait=20
[ -z "${ONCE:-}" ] || wait=0
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
working=
trap '[ -z "$working" ] || kill "$working" 2> /dev/null; exit 0' INT TERM

# The token is in a file of its own: what stands on a command line can be read by everybody on the machine.
umask 077
[ -z "${TITAN_TOKEN:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$TITAN_TOKEN" > "$files/curlrc"
[ -f "$files/curlrc" ] || : > "$files/curlrc"

ask() { curl --config "$files/curlrc" --silent --show-error --fail --max-time 60 "$@"; }

keep() { # PID, id, seconds: while the process lives touch the job that often; once that is refused stop the process
    exec > /dev/null 2>&1
    waited=0
    while kill -0 "$1"; do
        sleep 1
        waited=$((waited + 1))
        [ "$waited" -lt "$3" ] || { waited=0; ask --request POST "$url/job/$2/touch" || kill "$1"; }
    done
}

while :; do
    ask "$url/jobs/consume?wait=$wait" > "$files/jobs" & # in the background, so that signals needn't wait for its end
    working=$!
    wait "$working" || { sleep 5; continue; }
    jobs=$(cat "$files/jobs")
    id=$(printf '%s' "$jobs" | sed -n 's/^{"jobs":\[{"id":"\([a-z0-9-]*\)".*/\1/p')
    if [ -z "$id" ]; then
        [ -z "${ONCE:-}" ] || exit 0
        continue
    fi
    timeout=$(printf '%s' "$jobs" | sed -n 's/.*"timeout":\([0-9]*\).*/\1/p')
    printf '%s\n' "$jobs" | sed 's/^{"jobs":\[//; s/\]}$//' > "$files/job"
    TITAN_JOB=$id "$@" < "$files/job" > "$files/log" 2>&1 &
    working=$!
    keep "$working" "$id" $((timeout / 2 + 1)) & # it ends by itself: a signal to so young a process can be lost
    wait "$working"
    code=$?
    if [ "$code" -eq 0 ]; then
        ask --form "log=@$files/log;type=text/plain" "$url/job/$id/success" > /dev/null
    else
        ask --form reason=bad_exit --form "details=exit code $code" --form "log=@$files/log;type=text/plain" \
            "$url/job/$id/fail" > /dev/null
    fi || echo "The end of $id was refused: it was cancelled, or took too long." >&2
done
