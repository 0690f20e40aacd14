//! The disk: how long it takes, and what can befall it.

use super::Answer;
use super::tool::Recipe;
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Instant;

/// How often is written and synced.
const WRITES: usize = 64;
/// What is written each time.
const SECTOR: [u8; 512] = [1; 512];

/// How long `fdatasync` takes behind a write into space that a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SyncTimes {
    /// Of how many.
    pub count: usize,
    /// Half of them are no longer.
    pub p50_ns: u64,
    /// Of a hundred, one is longer.
    pub p99_ns: u64,
}

/// Writes and syncs a file without a name in `directory`.
pub(super) fn sync_times(directory: &Path) -> (Option<SyncTimes>, Answer) {
    match measure(directory) {
        Ok(times) => (Some(times), Answer::yes("a directory for each process: `synod cluster replace`")),
        Err(e) => {
            let why = format!("cannot write to {}: {e}", directory.display());
            (None, Answer::no(why, "name a directory on a disk that can be written to: `--dir`"))
        }
    }
}

fn measure(directory: &Path) -> io::Result<SyncTimes> {
    let mut file = nameless(directory)?;
    // as the log has it: the space is there before, so only data is synced
    for _ in 0..WRITES {
        file.write_all(&SECTOR)?;
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let mut taken = (0..WRITES).map(|_| once(&mut file)).collect::<io::Result<Vec<_>>>()?;
    taken.sort_unstable();
    let at = |percent: usize| taken[((WRITES * percent).div_ceil(100)).clamp(1, WRITES) - 1];
    Ok(SyncTimes { count: WRITES, p50_ns: at(50), p99_ns: at(99) })
}

fn once(file: &mut File) -> io::Result<u64> {
    let begin = Instant::now();
    file.write_all(&SECTOR)?;
    file.sync_data()?;
    Ok(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// A file that is gone when it is closed, however this process ends.
fn nameless(directory: &Path) -> io::Result<File> {
    let path = directory.join(format!(".synod-doctor-{}", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

const MOUNTS: &str =
    "mounts, loop devices and ext4 must be allowed: a container needs --privileged, and /dev/loop*";

/// Cuts the power of a file system of our own: on a loop device over memory, in a mount namespace of its own.
pub(super) fn power() -> Answer {
    Recipe {
        tools: &[
            ("unshare", "util-linux"),
            ("losetup", "util-linux"),
            ("mount", "util-linux"),
            ("mkfs.ext4", "e2fsprogs"),
            ("perl", "perl"),
        ],
        script: r#"exec unshare --mount sh -ec '
            mount -t tmpfs -o size=16m none /tmp
            mkdir /tmp/disk
            truncate -s 8M /tmp/image
            mkfs.ext4 -q -F /tmp/image
            mount -o loop /tmp/image /tmp/disk
            perl -e "open(my \$d, q(<), q(/tmp/disk)) or die qq(\$!\n); my \$flag = pack(q(I), 2);
                     ioctl(\$d, 0x8004587d, \$flag) or die qq(EXT4_IOC_SHUTDOWN: \$!\n)"
            umount /tmp/disk'"#,
        how: "ext4 on a loop device, shut down: ci/power-cut.sh",
        remedy: MOUNTS,
    }
    .attempt()
}

/// Fills a file system of our own.
pub(super) fn full() -> Answer {
    Recipe {
        tools: &[("unshare", "util-linux"), ("mount", "util-linux")],
        script: r"exec unshare --mount sh -ec '
            mount -t tmpfs -o size=64k none /tmp
            ! head -c 1048576 /dev/zero 2>/dev/null >/tmp/full || { echo >&2 it does not fill; exit 1; }
            mount -o remount,ro /tmp
            ! touch /tmp/more 2>/dev/null || { echo >&2 it can be written to; exit 1; }'",
        how: "a small file system, mounted read-only: ci/power-cut.sh, and by hand",
        remedy: "mounts must be allowed: a container needs --privileged",
    }
    .attempt()
}
