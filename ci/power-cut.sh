#!/usr/bin/env bash
# Real losses of power: a writer appends to a log on an ext4 of its own (a loop device) and says what is durable, and the
# file system is shut down under it (EXT4_IOC_SHUTDOWN): what was not synced is gone. Then the log is read again. Also: a
# mount that becomes read-only, and a disk that is full. As root; about ten seconds.
#
#     ci/power-cut.sh [PROGRAM]     PROGRAM: the test program `wal` of crates/runtime; built if not given
#
# 0: nothing that was said was lost. 1: something was. 3: this machine cannot do it; it says why.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rounds=${ROUNDS:-6}
# of asm-generic: _IOR('X', 125, __u32), and EXT4_GOING_FLAGS_NOLOGFLUSH: not even the journal is written out
shutdown_request=0x8004587d no_log_flush=2

cannot() {
    printf 'ci/power-cut.sh: cannot cut the power here: %s\n' "$*" >&2
    exit 3
}

wrong() {
    printf 'ci/power-cut.sh: %s\n' "$*" >&2
    tail -n 20 "$work"/*.log >&2
    exit 1
}

[ "$(uname -s)" = Linux ] || cannot "this needs Linux"
[ "$(id -u)" = 0 ] || cannot "this needs root, for mount and losetup"
for tool in mkfs.ext4 losetup mount umount perl; do
    command -v "$tool" >/dev/null || cannot "there is no $tool"
done
losetup -f >/dev/null 2>&1 || cannot "there is no free loop device (losetup -f)"

program=${1:-}
if [ -z "$program" ]; then
    command -v cargo >/dev/null || cannot "no PROGRAM is given, and there is no cargo to build it with"
    # as the whole workspace builds it: nothing is built again for it where its tests were
    program=$(cargo test -q --workspace --test wal --no-run --message-format=json |
        perl -ne 'print "$1\n" if /"executable":"([^"]*\/wal-[^"]*)"/' | tail -n 1)
fi
[ -x "$program" ] || cannot "there is no program \"$program\""

work=$(mktemp -d) writer=
disk=$work/mnt
clean_up() {
    [ -z "$writer" ] || kill -9 "$writer" 2>/dev/null || true
    ! mountpoint -q "$disk" || umount "$disk" || umount -l "$disk"
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

mkdir "$disk"
truncate -s 64M "$work/image"
mkfs.ext4 -q -F "$work/image"
mount_disk() { mount -o "loop,$1" "$work/image" "$disk"; }
mount_disk rw || cannot "an ext4 image on a loop device cannot be mounted"

start_writer() {
    SYNOD_WAL_WRITER=$disk/${1:-log} "$program" --exact killed::writer --nocapture >/dev/null 2>"$work/writer.log" &
    writer=$!
}

# What the writer said last.
said() { perl -ne '$last = $1 if /^durable (\d+)$/; END { print $last // 0 }' "$work/writer.log"; }

# Waits until the writer has said so many more numbers than at first.
wait_for_writes() {
    local from=$1 more=$2 tries=0
    until [ "$(said)" -ge $((from + more)) ]; do
        kill -0 "$writer" 2>/dev/null || wrong "the writer ended by itself"
        tries=$((tries + 1))
        [ $tries -lt 500 ] || wrong "the writer does not get on"
        sleep 0.02
    done
}

# The writer meets an error of the disk, says so, and ends.
writer_ends() {
    local what=$1 tries=0
    while kill -0 "$writer" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 500 ] || wrong "$what: the writer goes on"
        sleep 0.02
    done
    wait "$writer" && wrong "$what: the writer is content" || true
    writer=
    grep -q 'cannot \|failed earlier' "$work/writer.log" || wrong "$what: the writer gives no reason"
}

last=0
check() {
    SYNOD_WAL_READER=$disk/log SYNOD_WAL_SAID=$last "$program" --exact killed::reader --nocapture \
        >"$work/reader.log" 2>&1 || wrong "$1: what was durable is not there"
    printf '%-22s %s\n' "$1" "$(grep '^incarnation' "$work/reader.log")"
}

shut_down() {
    perl -e 'open(my $d, "<", $ARGV[0]) or die "$!\n"; my $flag = pack("I", $ARGV[2]);
             ioctl($d, hex($ARGV[1]), $flag) or die "$!\n"' "$disk" "$shutdown_request" "$no_log_flush"
}

# A log that does not sync must be found out, or this shows nothing.
export SYNOD_WAL_FLAWED=1
start_writer flawed
wait_for_writes 0 50
shut_down 2>"$work/shutdown.log" || cannot "this kernel's ext4 takes no EXT4_IOC_SHUTDOWN: $(cat "$work/shutdown.log")"
kill -9 "$writer" && wait "$writer" 2>/dev/null || true
unset SYNOD_WAL_FLAWED
umount "$disk"
mount_disk rw
if SYNOD_WAL_READER=$disk/flawed SYNOD_WAL_SAID=$(said) "$program" --exact killed::reader --nocapture \
    >"$work/reader.log" 2>&1; then
    wrong "the power does not go: a log that does not sync has lost nothing"
fi
rm -rf "$disk/flawed"

for round in $(seq "$rounds"); do
    start_writer
    wait_for_writes "$last" $((20 + round * 37 % 90))
    shut_down || wrong "the file system does not shut down"
    writer_ends "power cut $round"
    last=$(said)
    umount "$disk"
    mount_disk rw
    check "power cut $round"
done

start_writer
wait_for_writes "$last" 30
# As after an error of the disk: a mount with files open for writing does not become read-only when it is asked to.
mount -o remount,abort "$disk" || wrong "the mount does not become read-only"
writer_ends "read-only"
last=$(said)
umount "$disk"
mount_disk rw && mount -o remount,ro "$disk"
if SYNOD_WAL_READER=$disk/log SYNOD_WAL_SAID=$last "$program" --exact killed::reader --nocapture \
    >"$work/reader.log" 2>&1; then
    wrong "a log on a read-only disk is opened"
fi
grep -qi 'read-only' "$work/reader.log" || wrong "a read-only disk gives no clear error"
mount -o remount,rw "$disk"
check "read-only mount"

# To the last block, and again: the log can go round in the segments that it has, and a snapshot may find the block of the
# one before the last.
start_writer
wait_for_writes "$last" 30
dd if=/dev/zero of="$disk/ballast" bs=64k 2>/dev/null || true
for _ in $(seq 200); do
    dd if=/dev/zero of="$disk/ballast" bs=1k oflag=append conv=notrunc 2>/dev/null || true
    kill -0 "$writer" 2>/dev/null || break
done
writer_ends "full disk"
grep -qi 'no space' "$work/writer.log" || wrong "a full disk gives no clear error"
last=$(said)
rm -f "$disk/ballast"
check "full disk"
umount "$disk"
echo "nothing that was said to be durable was lost"
