//! What the kernel offers to root.

use super::Answer;
use super::tool::{self, Recipe};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

const NAMESPACES: &str = "namespaces must be allowed: a container needs CAP_SYS_ADMIN and CAP_NET_ADMIN";
const MODULE: &str = "a kernel with that module is needed; the link proxy does the same without root";

/// Two ends of a wire in a network of our own.
pub(super) fn namespaces() -> Answer {
    Recipe {
        tools: &[("unshare", "util-linux"), ("ip", "iproute2")],
        script: "exec unshare --net sh -ec 'ip link set lo up; ip link add synod0 type veth peer name synod1
            ip rule add from 198.18.0.1 to 198.18.0.2 blackhole'",
        how: "`ip netns`, veth, routing rules: `synod cluster up .. --network namespaces`, with partitions both ways and one way",
        remedy: NAMESPACES,
    }
    .attempt()
}

/// A rule in a network of our own.
pub(super) fn iptables() -> Answer {
    Recipe {
        tools: &[("unshare", "util-linux"), ("iptables", "iptables")],
        script: "exec unshare --net iptables -A INPUT -p tcp --dport 9 -j DROP",
        how: "`iptables -j DROP`: by hand",
        remedy: MODULE,
    }
    .attempt()
}

/// The same with its successor.
pub(super) fn nft() -> Answer {
    Recipe {
        tools: &[("unshare", "util-linux"), ("nft", "nftables")],
        script: "exec unshare --net sh -ec 'nft add table inet synod
            nft add chain inet synod input \"{ type filter hook input priority 0 ; }\"
            nft add rule inet synod input tcp dport 9 drop'",
        how: "`nft add rule .. drop`: by hand",
        remedy: MODULE,
    }
    .attempt()
}

/// A slow wire in a network of our own.
pub(super) fn netem() -> Answer {
    Recipe {
        tools: &[("unshare", "util-linux"), ("tc", "iproute2")],
        script: "exec unshare --net tc qdisc add dev lo root netem delay 1ms loss 1%",
        how: "`tc qdisc add .. netem`: by hand",
        remedy: "a kernel with the module sch_netem is needed; the link proxy does the same without root",
    }
    .attempt()
}

/// A controller of the kernel's control groups.
pub(super) struct Controller {
    /// Its hierarchy in version 1, and the file that a group of it has.
    first: (&'static str, &'static str),
    /// Its name in version 2, and the file that a group with it has.
    second: (&'static str, &'static str),
}

pub(super) const FREEZER: Controller =
    Controller { first: ("freezer", "freezer.state"), second: ("", "cgroup.freeze") };
pub(super) const PROCESSOR: Controller =
    Controller { first: ("cpu", "cpu.cfs_quota_us"), second: ("cpu", "cpu.max") };
pub(super) const MEMORY: Controller =
    Controller { first: ("memory", "memory.limit_in_bytes"), second: ("memory", "memory.max") };
pub(super) const DISK: Controller =
    Controller { first: ("blkio", "blkio.throttle.write_bps_device"), second: ("io", "io.max") };

const GROUPS: &str = "/sys/fs/cgroup";

/// Makes a control group without a process, sees that it has what it takes, and removes it.
pub(super) fn control_group(controller: &Controller) -> Answer {
    let remedy = "control groups must be mounted and writable: root, in a container with --privileged";
    let attempts = controller.places().into_iter().map(|(group, file)| (attempt(&group, file), group, file));
    let mut why = format!("neither version of control groups is mounted at {GROUPS} with this controller");
    for (tried, group, file) in attempts {
        let root = group.parent().unwrap_or(&group).display().to_string();
        match tried {
            Ok(()) => return Answer::yes(format!("control groups: `{file}` under {root}, by hand")),
            Err(e) => why = format!("no group with {file} can be made in {root}: {e}"),
        }
    }
    Answer::no(why, remedy)
}

impl Controller {
    /// The groups that could be made, and the file that each would have to have.
    fn places(&self) -> Vec<(PathBuf, &'static str)> {
        let root = Path::new(GROUPS);
        let name = group_name();
        let mut places = vec![];
        if root.join(self.first.0).is_dir() {
            places.push((root.join(self.first.0).join(&name), self.first.1));
        }
        for root in [root.to_owned(), root.join("unified")] {
            let granted = fs::read_to_string(root.join("cgroup.subtree_control"));
            let has = |granted: String| {
                self.second.0.is_empty() || granted.split_whitespace().any(|c| c == self.second.0)
            };
            if granted.is_ok_and(has) {
                places.push((root.join(&name), self.second.1));
            }
        }
        places
    }
}

fn group_name() -> String {
    format!("synod-doctor-{}", std::process::id())
}

fn attempt(group: &Path, file: &str) -> io::Result<()> {
    fs::create_dir(group)?;
    let opened = OpenOptions::new().write(true).open(group.join(file)).map(drop);
    fs::remove_dir(group)?;
    opened
}

/// Whether a control group of ours is still there.
#[cfg(test)]
pub(super) fn leftovers() -> bool {
    let all = [&FREEZER, &PROCESSOR, &MEMORY, &DISK];
    all.iter().flat_map(|controller| controller.places()).any(|(group, _)| group.exists())
}

/// Opens the device: a file system in user space could be mounted.
pub(super) fn fuse() -> Answer {
    let by = if tool::exists("fusermount3") || tool::exists("fusermount") {
        "with fusermount"
    } else {
        "as root alone: there is no fusermount"
    };
    let root = rustix::process::geteuid().is_root();
    match OpenOptions::new().read(true).write(true).open("/dev/fuse") {
        Ok(_) if root || by.starts_with("with") => {
            Answer::yes(format!("/dev/fuse, {by}: by hand, the log's tests have a faulty disk of their own"))
        }
        Ok(_) => Answer::no("there is no fusermount", "install fuse3, or run as root"),
        Err(e) => Answer::no(
            format!("/dev/fuse: {e}"),
            "load the module fuse; a container needs --device /dev/fuse",
        ),
    }
}

/// Looks for the device: nothing is made, since it would be there for all.
pub(super) fn device_mapper() -> Answer {
    let remedy = "load the module dm_mod; the log's tests have a faulty disk of their own";
    match OpenOptions::new().read(true).write(true).open("/dev/mapper/control") {
        Ok(_) if tool::exists("dmsetup") => {
            Answer::yes("/dev/mapper/control: dm-flakey, dm-delay by hand, where the kernel has them")
        }
        Ok(_) => Answer::no("there is no dmsetup", "install dmsetup"),
        Err(e) => Answer::no(format!("/dev/mapper/control: {e}"), remedy),
    }
}
