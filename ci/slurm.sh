#!/usr/bin/env bash
# A campaign as a Slurm job array, for real: two nodes on one machine, one of which is killed in the middle of its shards.
# What the array makes must be, byte for byte, what one process makes: nothing lost, nothing twice.
#
#     ci/slurm.sh [BINARY]        the binary `synod`; target/debug/synod where nothing is said
#
# Installs slurmctld, slurmd and munge where they are missing (Debian, as root), and starts its own daemons on ports and in a
# directory of their own. Ends only what it started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

synod=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/synod}")
subject=(abd --no-swarm)
seeds=0..${SEEDS:-2400}
shards=8
place=$(mktemp -d /tmp/synod-slurm.XXXXXX)
started=()

fail() {
    printf 'ci/slurm.sh: %s\n' "$*" >&2
    tail -n 5 "$place"/log/{apt,munged,slurm*,task*} >&2 2>/dev/null || true
    exit 1
}

finish() {
    local status=$?
    for pid in ${started[@]+"${started[@]}"}; do kill -9 "$pid" 2>/dev/null || true; done
    # steps are children of their daemon's own children: their configuration's path is theirs alone
    for pid in $(ours); do kill -9 "$pid" 2>/dev/null || true; done
    if [ $status = 0 ]; then rm -rf "$place"; else printf 'logs are in %s\n' "$place" >&2; fi
}
trap finish EXIT

# Processes of other sessions than this shell's whose environment or command line speaks of our directory: those that we started.
ours() {
    local session
    session=$(ps -o sid= -p $$ | tr -d ' ')
    { grep -lsaF "$place" /proc/[0-9]*/environ /proc/[0-9]*/cmdline || true; } | cut -d/ -f3 | sort -u |
        while read -r pid; do
            [ "$(ps -o sid= -p "$pid" | tr -d ' ')" = "$session" ] || printf '%s\n' "$pid"
        done
}

ensure_slurm() {
    local tool missing=()
    for tool in slurmctld slurmd munged; do command -v $tool >/dev/null || missing+=("$tool"); done
    [ ${#missing[@]} = 0 ] && return
    printf 'missing: %s; installing slurmctld, slurmd and munge\n' "${missing[*]}"
    command -v apt-get >/dev/null || fail "no apt-get to install ${missing[*]} with: install Slurm and MUNGE, and call this again"
    [ "$(id -u)" = 0 ] || fail "only root can install ${missing[*]}: apt-get install slurmctld slurmd slurm-client munge"
    # no service is started: this script starts its own
    printf '#!/bin/sh\nexit 101\n' >"$place/policy-rc.d" && chmod +x "$place/policy-rc.d"
    local policy=/usr/sbin/policy-rc.d kept=no
    if [ -e $policy ]; then kept=yes; else cp "$place/policy-rc.d" $policy; fi
    apt-get update -q >"$place/log/apt" 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends slurmctld slurmd slurm-client munge \
        >>"$place/log/apt" 2>&1 || fail "apt-get could not install slurmctld, slurmd and munge"
    if [ $kept = no ]; then rm -f $policy; fi
}

[ -x "$synod" ] || fail "there is no $synod: cargo build -p synod-cli"
[ "$(id -u)" = 0 ] || fail "slurmd starts tasks as their users: this takes root"
mkdir -p "$place"/{log,state,spool/one,spool/two,run,munge}
ensure_slurm
PATH=$PATH:/usr/sbin

# --- a cluster of our own ---
free_port() { # the first of three that nobody listens on
    local port
    for ((port = 21800 + RANDOM % 8000; ; port += 10)); do
        ss -ltnH 2>/dev/null | grep -qE ":($port|$((port + 1))|$((port + 2))) " || break
    done
    printf '%s' "$port"
}
port=$(free_port)
host=$(hostname -s)
head -c 1024 /dev/urandom >"$place/munge/key" && chmod 400 "$place/munge/key"
chmod 711 "$place" && chmod 755 "$place/run" && chmod 700 "$place/munge"
printf '127.0.0.1 %s\n' "$host" >"$place/hosts"

cat >"$place/slurm.conf" <<CONF
ClusterName=synod
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPort=$port
AuthType=auth/munge
AuthInfo=socket=$place/run/munge.socket,cred_expire=5
CryptoType=crypto/munge
CredType=cred/munge
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool/%n
SlurmctldPidFile=$place/run/slurmctld.pid
SlurmdPidFile=$place/run/slurmd-%n.pid
SlurmctldLogFile=$place/log/slurmctld
SlurmdLogFile=$place/log/slurmd-%n
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobRequeue=1
ReturnToService=2
SlurmdTimeout=3
SlurmctldTimeout=10
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0
NodeName=one NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=2
NodeName=two NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=2
PartitionName=all Nodes=one,two Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$place/slurm.conf

# A session of its own each, so that an end of one is no end of another.
daemon() {
    local name=$1
    shift
    setsid "$@" >"$place/log/$name.out" 2>&1 &
    started+=($!)
    disown
}

daemon munged munged --foreground --force --key-file="$place/munge/key" --socket="$place/run/munge.socket" \
    --pid-file="$place/run/munged.pid" --log-file="$place/log/munged" --seed-file="$place/munge/seed"
for _ in {1..50}; do [ -S "$place/run/munge.socket" ] && break || sleep 0.1; done
[ -S "$place/run/munge.socket" ] || fail "munged does not start"
daemon slurmctld slurmctld -D -c -f "$SLURM_CONF"
daemon slurmd-one slurmd -D -N one -f "$SLURM_CONF"
daemon slurmd-two slurmd -D -N two -f "$SLURM_CONF"
two=${started[-1]}
ready() { [ "$(sinfo -hN -o %T 2>/dev/null | grep -c idle)" = 2 ]; }
for _ in {1..100}; do ready && break || sleep 0.2; done
ready || fail "the nodes do not come up: $(sinfo -hN 2>&1)"

# --- the array ---
cat >"$place/task.sh" <<TASK
#!/bin/bash
exec "$synod" campaign run ${subject[*]} --seeds $seeds --threads 1 --out "$place/shards"
TASK
job=$(sbatch --parsable --array=0-$((shards - 1)) --requeue --ntasks=1 --cpus-per-task=1 --chdir="$place" \
    --output="$place/log/task-%a" "$place/task.sh")
printf 'job %s: %s shards of seeds %s on two nodes\n' "$job" "$shards" "$seeds"

on_two() { squeue -h -j "$job" -w two -t R -o %F_%K 2>/dev/null; }
writing() { ls "$place"/shards/*.part >/dev/null 2>&1; }
for _ in {1..200}; do [ -n "$(on_two)" ] && writing && break || sleep 0.05; done
victims=$(on_two | tr '\n' ' ')
[ -n "$victims" ] || fail "no task runs on the second node: $(squeue 2>&1)"
# the daemon, the steps that it started, and what those run: each task of that node, after its parent
kill -9 "$two"
for environ in $(grep -lsazx 'SLURMD_NODENAME=two' /proc/[0-9]*/environ || true); do
    grep -qsazxF "SLURM_CONF=$place/slurm.conf" "$environ" || continue
    pid=$(cut -d/ -f3 <<<"$environ")
    parent=$(ps -o ppid= -p "$pid" | tr -d ' ')
    case $(ps -o comm= -p "${parent:-0}" 2>/dev/null) in slurmstepd*) kill -9 "$parent" ;; esac
    kill -9 "$pid" 2>/dev/null || true
done
printf 'node two is killed while it ran %s\n' "$victims"

left() { squeue -h -j "$job" 2>/dev/null | wc -l; }
# a node is missed after half a minute, and what ran on it waits for a while more before it is started again
latest=$((SECONDS + 240))
until [ "$(left)" = 0 ] || [ $SECONDS -gt $latest ]; do sleep 0.2; done
[ "$(left)" = 0 ] || fail "the array does not end: $(squeue 2>&1; sinfo -N 2>&1)"
requeued=$(grep -ciE 'requeue' "$place/log/slurmctld" || true)
[ "$requeued" -gt 0 ] || fail "no task was requeued: the node was killed too late"

# --- nothing lost ---
"$synod" campaign merge "$place/shards" --out "$place/merged"
"$synod" campaign run "${subject[@]}" --seeds "$seeds" --out "$place/one" --quiet
cmp "$place"/merged/seeds-*.jsonl "$place"/one/seeds-*.jsonl || fail "the array's result is another than one process's"
printf 'the result of the array is that of one process, to the byte: %s\n' "$(sha256sum <"$(ls "$place"/one/seeds-*.jsonl)" | cut -c1-16)"
