//! Nodes in network namespaces: each has one of its own, with a wire to a hub that forwards between them.
//!
//! A way is cut by a routing rule of the hub: what comes from the one and is for the other vanishes there, without a word to
//! anybody, and the other way is not touched. So a partition needs no firewall: `ip` alone. The hub has a wire to where the
//! cluster was started too: by that clients come, past all cuts.
//!
//! All that is made has a name that begins with `synod-K`, where K is a number that is held by a locked file for as long as its
//! cluster lives. Numbers that nobody holds are those of clusters that ended without a word: what they left is removed
//! before the next one starts.

use super::ClusterError;
use super::fault::Change;
use super::network::Addresses;
use crate::doctor::{self, Answer, tool};
use crate::proxy::{Rule, Way};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use synod_model::{Group, ProcessId};

/// Where the numbers are held.
const CLAIMS: &str = "/run/synod";
/// Where `ip netns` keeps the names of namespaces.
const NAMES: &str = "/run/netns";
const DEVICES: &str = "/sys/class/net";
/// The range that is set aside for tests of networks (RFC 2544): 198.18.K.0/24 is the network of K.
const NETWORK: [u8; 2] = [198, 18];
/// Each node has four addresses of it, of which the first four are the hub's own wire.
const PROCESSES_MAX: u32 = 63;
const PORT: u16 = 7000;
const PORT_OF_OPERATORS: u16 = 6999;
/// The rules of the hub that cut ways begin with this one: after those for itself, before the ways onward.
const FIRST_RULE: u32 = 1000;

/// Namespaces of a cluster. Dropping it removes them.
pub(super) struct Spaces {
    number: u8,
    processes: u32,
    rules: BTreeMap<Way, Rule>,
    /// Held as long as they are there.
    claim: File,
}

impl Spaces {
    /// Makes them, and removes what clusters left behind that ended without a word.
    pub(super) fn start(processes: u32) -> Result<Self, ClusterError> {
        if let Answer::No { why, remedy } = doctor::namespaces() {
            return Err(ClusterError::NoNamespaces { why, remedy });
        }
        if processes > PROCESSES_MAX {
            return Err(ClusterError::NoNamespaces {
                why: format!("{processes} processes do not fit into one network of {PROCESSES_MAX}"),
                remedy: "start fewer".to_owned(),
            });
        }
        let (number, claim) = claim()?;
        // from here on it is removed whatever happens
        let spaces = Self { number, processes, rules: BTreeMap::new(), claim };
        run(&spaces.script())?;
        Ok(spaces)
    }

    fn processes(&self) -> impl Iterator<Item = ProcessId> + use<> {
        Group::first(self.processes).members().collect::<Vec<_>>().into_iter()
    }

    /// The hub, its wire to here, and a wire to each node.
    fn script(&self) -> String {
        let (number, hub) = (self.number, hub(self.number));
        let (here, there) = (address(number, 1), address(number, 2));
        let mut script = format!(
            "ip netns add {hub}
            ip link add {device} type veth peer name outside netns {hub}
            ip addr add {here}/30 dev {device}
            ip link set {device} up
            ip -n {hub} addr add {there}/30 dev outside
            ip -n {hub} link set outside up
            ip -n {hub} link set lo up
            ip netns exec {hub} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
            ip route add {network}/24 via {there}\n",
            device = device(number),
            network = address(number, 0),
        );
        for p in self.processes() {
            let (space, near, far) = (space(number, p), gateway(number, p), home(number, p));
            let _ = write!(
                script,
                "ip netns add {space}
                ip -n {hub} link add {p} type veth peer name eth0 netns {space}
                ip -n {hub} addr add {near}/30 dev {p}
                ip -n {hub} link set {p} up
                ip -n {space} addr add {far}/30 dev eth0
                ip -n {space} link set eth0 up
                ip -n {space} link set lo up
                ip -n {space} route add default via {near}\n"
            );
        }
        script
    }

    /// Where everybody is found: at the same port, unless there is a first one.
    pub(super) fn addresses(&self, first_port: Option<u16>) -> Addresses {
        let port = |p: ProcessId| first_port.map_or(PORT, |first| first.saturating_add(p.0 as u16));
        let at = |p, port| SocketAddr::from((home(self.number, p), port));
        let nodes: BTreeMap<_, _> = self.processes().map(|p| (p, at(p, port(p)))).collect();
        let others = |p| nodes.iter().filter(move |&(&q, _)| q != p).map(|(&q, &at)| (q, at)).collect();
        let peers = self.processes().map(|p| (p, others(p))).collect();
        let operators = self.processes().map(|p| (p, at(p, PORT_OF_OPERATORS))).collect();
        Addresses { nodes, operators, peers }
    }

    /// Cuts ways, or mends them. Nothing else can be done to them.
    pub(super) fn change(&mut self, ways: &BTreeSet<Way>, change: Change) -> Result<(), ClusterError> {
        let mut rules = self.rules.clone();
        let mut orders = String::new();
        for &way in ways {
            let mut rule = rules.remove(&way).unwrap_or_default();
            let was_held = rule.held;
            change.apply(&mut rule);
            if rule.held != was_held {
                let _ = writeln!(orders, "{}", self.order(way, rule.held));
            }
            if rule.held {
                rules.insert(way, rule);
            }
        }
        if !orders.is_empty() {
            run(&format!("ip -n {} -batch - <<END\n{orders}END\n", hub(self.number)))?;
        }
        self.rules = rules;
        Ok(())
    }

    /// What the hub is told of a way.
    fn order(&self, (from, to): Way, is_cut: bool) -> String {
        let rule = FIRST_RULE + from.0 * (PROCESSES_MAX + 1) + to.0;
        let (from, to) = (home(self.number, from), home(self.number, to));
        if is_cut {
            format!("rule add pref {rule} from {from} to {to} blackhole")
        } else {
            format!("rule del pref {rule}")
        }
    }

    /// What is cut.
    pub(super) fn rules(&self) -> BTreeMap<Way, Rule> {
        self.rules.clone()
    }

    /// The same program within the namespace of a process: `ip` becomes it, so that it has the number that is known here.
    pub(super) fn place(&self, p: ProcessId, command: &Command) -> Command {
        let mut placed = Command::new(tool::find("ip").unwrap_or_else(|| "ip".into()));
        placed.args(["netns", "exec", &space(self.number, p)]);
        placed.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => placed.env(name, value),
                None => placed.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            placed.current_dir(directory);
        }
        placed
    }
}

impl Drop for Spaces {
    fn drop(&mut self) {
        if let Err(e) = remove(self.number) {
            tracing::warn!("{e}");
        }
        // only now may another take the number
        let _ = self.claim.unlock();
    }
}

fn device(number: u8) -> String {
    format!("synod-{number}")
}

fn hub(number: u8) -> String {
    format!("synod-{number}-hub")
}

fn space(number: u8, p: ProcessId) -> String {
    format!("synod-{number}-{p}")
}

fn address(number: u8, last: u8) -> Ipv4Addr {
    let [first, second] = NETWORK;
    Ipv4Addr::new(first, second, number, last)
}

/// The hub's end of a node's wire.
fn gateway(number: u8, p: ProcessId) -> Ipv4Addr {
    address(number, (4 * (p.0 + 1) + 1) as u8)
}

/// The node's.
fn home(number: u8, p: ProcessId) -> Ipv4Addr {
    address(number, (4 * (p.0 + 1) + 2) as u8)
}

fn run(script: &str) -> Result<(), ClusterError> {
    tool::run(script).map_err(ClusterError::Namespaces)
}

/// Takes the first number that nobody has and whose network nobody uses. What is left of any that nobody has is removed.
fn claim() -> Result<(u8, File), ClusterError> {
    let failed = |operation, source| ClusterError::Io { operation, path: CLAIMS.into(), source };
    fs::create_dir_all(CLAIMS).map_err(|e| failed("create", e))?;
    let mut claimed = None;
    for number in 0..=u8::MAX {
        let path = Path::new(CLAIMS).join(number.to_string());
        if claimed.is_some() && !path.exists() {
            continue;
        }
        let open = File::options().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(|e| failed("write to", e))?;
        match file.try_lock() {
            Ok(()) => remove(number)?,
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(e)) => return Err(failed("lock", e)),
        }
        if claimed.is_none() && is_free(number) {
            claimed = Some((number, file));
        }
    }
    claimed.ok_or_else(|| ClusterError::Namespaces("all of 198.18.0.0/16 is in use".to_owned()))
}

/// Whether no route of others leads into the network.
fn is_free(number: u8) -> bool {
    let network = address(number, 0);
    tool::run(&format!("test -z \"$(ip -4 route show root {network}/24)\"")).is_ok()
}

/// Removes what has a name with this number, and nothing else.
fn remove(number: u8) -> Result<(), ClusterError> {
    let prefix = format!("synod-{number}-");
    let entries = fs::read_dir(NAMES).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let spaces: Vec<_> = names.filter(|name| name.starts_with(&prefix)).collect();
    let device = device(number);
    let mut script = String::new();
    // before its other end: that would take it along at some later time
    if Path::new(DEVICES).join(&device).exists() {
        let _ = writeln!(script, "ip link del {device}");
    }
    for space in spaces {
        let _ = writeln!(script, "ip netns del {space}");
    }
    if script.is_empty() { Ok(()) } else { run(&script) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many datagrams came to a namespace, where nobody listens.
    fn arrived(spaces: &Spaces, p: ProcessId) -> u64 {
        let mut command = Command::new("cat");
        command.arg("/proc/net/snmp");
        let output = spaces.place(p, &command).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let values = text.lines().filter(|line| line.starts_with("Udp:")).nth(1).unwrap();
        values.split_whitespace().nth(2).unwrap().parse().unwrap()
    }

    /// Whether a datagram reaches another namespace: that needs the one way alone.
    fn reaches(spaces: &Spaces, from: ProcessId, to: ProcessId) -> bool {
        let before = arrived(spaces, to);
        let (space, address) = (space(spaces.number, from), home(spaces.number, to));
        tool::run(&format!("ip netns exec {space} bash -c 'echo > /dev/udp/{address}/9'")).unwrap();
        (0..20).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            arrived(spaces, to) > before
        })
    }

    fn traces_of(number: u8) -> usize {
        let prefix = format!("synod-{number}-");
        let entries = fs::read_dir(NAMES).into_iter().flatten().flatten();
        let names = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
        names.count() + usize::from(Path::new(DEVICES).join(device(number)).exists())
    }

    #[test]
    fn addresses_lie_in_one_network_and_no_two_are_the_same() {
        let all: Vec<_> = (0..PROCESSES_MAX).map(ProcessId).collect();
        let ends: BTreeSet<_> = all.iter().flat_map(|&p| [gateway(7, p), home(7, p)]).collect();
        assert_eq!(ends.len(), 2 * PROCESSES_MAX as usize);
        assert!(ends.iter().all(|end| end.octets()[..3] == [198, 18, 7] && end.octets()[3] < 255));
        assert!(!ends.contains(&address(7, 1)) && !ends.contains(&address(7, 2)));
    }

    #[test]
    #[allow(clippy::print_stderr, reason = "a test that is left out says so")]
    fn a_cut_is_one_way_and_nothing_is_left_behind() {
        if let Answer::No { why, .. } = doctor::namespaces() {
            eprintln!("SKIPPED: no network namespaces: {why}");
            return;
        }
        let p = [0, 1, 2].map(ProcessId);
        let mut spaces = Spaces::start(3).unwrap();
        let number = spaces.number;
        assert!(reaches(&spaces, p[0], p[1]) && reaches(&spaces, p[0], p[2]));
        let one_way = BTreeSet::from([(p[0], p[1])]);
        spaces.change(&one_way, Change::Cut).unwrap();
        spaces.change(&one_way, Change::Cut).unwrap();
        assert_eq!(spaces.rules().keys().copied().collect::<BTreeSet<_>>(), one_way);
        assert!(
            !reaches(&spaces, p[0], p[1]) && reaches(&spaces, p[1], p[0]) && reaches(&spaces, p[0], p[2])
        );
        spaces.change(&one_way, Change::Mend).unwrap();
        assert!(spaces.rules().is_empty() && reaches(&spaces, p[0], p[1]));
        // somebody ends without a word: its number is free, and what it made is there
        let second = Spaces::start(2).unwrap();
        assert_ne!(second.number, number, "a number that is held is left alone");
        let left = second.number;
        let claim = second.claim.try_clone().unwrap();
        std::mem::forget(second);
        claim.unlock().unwrap();
        assert_eq!(traces_of(left), 4);
        let third = Spaces::start(1).unwrap();
        assert_eq!(traces_of(third.number), 3);
        assert!(third.number == left || traces_of(left) == 0);
        let last = third.number;
        drop(third);
        assert_eq!(traces_of(last), 0);
        assert!(traces_of(number) == 5, "what others have is not touched");
        drop(spaces);
        assert_eq!(traces_of(number), 0);
    }
}
