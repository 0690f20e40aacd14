#!/usr/bin/env bash
# Recorded histories of real systems, judged, and held against what they are known to be: ci/histories.sh BINARY DIRECTORY
# The histories are others' (Porcupine's, Knossos', Elle's test data) and no part of the project. Exit code 3: they are not there.
set -euo pipefail

synod=$1 histories=$2
if [ ! -d "$histories" ]; then
    echo "no histories at $histories: nothing was held against them"
    exit 3
fi

failures=0
# expect CODE MODEL FILE..: each is judged to be linearizable (0) or not (1)
expect() {
    local code=$1 model=$2 file found
    shift 2
    for file in "$@"; do
        found=0
        "$synod" judge "$file" --model "$model" --quiet >/dev/null || found=$?
        if [ "$found" != "$code" ]; then
            echo "$file: exit code $found, not $code; synod judge $file --model $model"
            failures=$((failures + 1))
        fi
    done
}

etcd() { printf "$histories/etcd-logs/etcd_%s.log\n" "$@"; }
knossos() { printf "$histories/knossos/%s.edn\n" "$@"; }

expect 0 cas-register $(etcd 002 005 007 018 025 031) $(knossos memstress3-0 cas-register-bug)
expect 1 cas-register $(etcd 000 001 003 010 020 040) $(knossos cas-failure rethink-fail-minimal bad-analysis)
expect 0 kv "$histories"/kv/c01-ok.txt "$histories"/kv/c10-ok.txt
expect 1 kv "$histories"/kv/c01-bad.txt
expect 1 list-append "$histories"/elle/paper-example.edn "$histories"/elle/paper-example.json
expect 0 rw-register "$histories"/elle/rw-register.edn
expect 1 long-fork "$histories"/elle/long-fork.edn
expect 0 bank "$histories"/elle/bank.edn
expect 0 set "$histories"/elle/set.edn

[ "$failures" = 0 ] && echo "26 recorded histories are judged as they are known to be"
exit "$((failures > 0))"
