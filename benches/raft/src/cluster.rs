//! Three nodes of either side, an OS process each.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use synod_kv::node::{Config, parameters, run};
use synod_model::ProcessId;
use synod_runtime::link::Place;
use synod_runtime::service::Reception;
use tempfile::TempDir;

/// The first argument of this program when it is a node.
pub const NODE: &str = "node";
const CLIENTS_MAX: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Etcd,
    Ours,
}

/// Three nodes that end with this.
pub struct Cluster {
    /// Where their clients come to.
    pub addresses: Vec<String>,
    nodes: Vec<Child>,
    place: TempDir,
}

/// Addresses that nobody listens at.
fn free(count: usize) -> Result<Vec<SocketAddr>, String> {
    let listeners: Result<Vec<_>, _> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect();
    let addresses: Result<Vec<_>, _> =
        listeners.and_then(|all| all.iter().map(TcpListener::local_addr).collect());
    addresses.map_err(|e| format!("no ports on loopback: {e}"))
}

impl Cluster {
    pub fn start(side: Side, directory: &Path) -> Result<Self, String> {
        let place = TempDir::new_in(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
        let (clients, peers) = (free(3)?, free(3)?);
        let mut this =
            Self { addresses: clients.iter().map(ToString::to_string).collect(), nodes: vec![], place };
        for node in 0..3 {
            let data = this.place.path().join(node.to_string());
            fs::create_dir_all(&data).map_err(|e| format!("{}: {e}", data.display()))?;
            let mut command = match side {
                Side::Etcd => etcd(node, &clients, &peers, &data),
                Side::Ours => ours(node, &clients, &peers, &data)?,
            };
            let said =
                File::create(this.place.path().join(format!("{node}.log"))).map_err(|e| e.to_string())?;
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
            let hint = "; etcd is Debian's etcd-server";
            this.nodes.push(command.spawn().map_err(|e| format!("{:?}: {e}{hint}", command.get_program()))?);
        }
        Ok(this)
    }

    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// kill -9.
    pub fn kill(&mut self, node: usize) {
        let _ = self.nodes[node].kill();
        let _ = self.nodes[node].wait();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        (0..self.nodes.len()).for_each(|node| self.kill(node));
    }
}

fn etcd(node: usize, clients: &[SocketAddr], peers: &[SocketAddr], data: &Path) -> Command {
    let url = |address: &SocketAddr| format!("http://{address}");
    let all: Vec<_> = peers.iter().enumerate().map(|(node, peer)| format!("n{node}={}", url(peer))).collect();
    let (client, peer) = (url(&clients[node]), url(&peers[node]));
    let mut command = Command::new("etcd");
    command.arg("--data-dir").arg(data).args(["--name", &format!("n{node}")]);
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    command.args(["--initial-cluster", &all.join(","), "--initial-cluster-state", "new"]);
    command
}

fn ours(node: usize, clients: &[SocketAddr], peers: &[SocketAddr], data: &Path) -> Result<Command, String> {
    let mut command = Command::new(std::env::current_exe().map_err(|e| e.to_string())?);
    command.args([NODE, &node.to_string(), &clients[node].to_string()]).arg(data);
    command.args(peers.iter().map(ToString::to_string));
    Ok(command)
}

/// This program as a node: its number, where its clients come to, its directory, and where all nodes are.
pub fn node(mut given: impl Iterator<Item = String>) -> ExitCode {
    let parsed = || -> Option<(u32, SocketAddr, String, Vec<SocketAddr>)> {
        let (number, client, data) =
            (given.next()?.parse().ok()?, given.next()?.parse().ok()?, given.next()?);
        Some((number, client, data, given.map(|peer| peer.parse().ok()).collect::<Option<_>>()?))
    }();
    let Some((number, client, data, peers)) = parsed else {
        eprintln!("{NODE} NUMBER CLIENTS DIRECTORY PEERS..");
        return ExitCode::from(2);
    };
    let places: Vec<Place> = peers.iter().map(|&peer| peer.into()).collect();
    let config = Config::new(ProcessId(number), &places, peers[number as usize], data.as_ref(), parameters());
    let listener = match TcpListener::bind(client) {
        Ok(listener) => listener,
        Err(e) => {
            eprintln!("{client}: {e}");
            return ExitCode::from(2);
        }
    };
    match run(&config, true, Reception { listener, clients_max: CLIENTS_MAX }, None, |_| ()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}
