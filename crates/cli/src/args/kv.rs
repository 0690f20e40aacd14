//! `kv`: a replicated key-value store.

use crate::logs::{Format, Level};
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use synod_runtime::link::Place;

/// `kv`.
#[derive(Clone, Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub enum Kv {
    /// Runs one node of a store until it is told to stop.
    Serve(Serve),
    /// Runs a store on this machine, an OS process a node, until Ctrl-C; a node that ends is started again.
    Up(Up),
}

const AFTER_HELP: &str = "\
Clients speak the protocol of Redis, or that of etcd, to any node, at the same address:
  redis-cli -p 6379 set greeting hello
  etcdctl --endpoints 127.0.0.1:6379 get greeting

  kv up -n 3 --data DIR
  kv serve --id 0 --peers 10.0.0.1:7000,10.0.0.2:7000,10.0.0.3:7000 --data DIR --listen 127.0.0.1:6379";

/// `kv serve`.
#[derive(Clone, Debug, Args)]
pub struct Serve {
    /// Which of the nodes: 0 is the first of --peers.
    #[arg(long, value_name = "N")]
    pub id: u32,
    /// Where the nodes listen for each other, this one included: addresses, or names with ports.
    #[arg(long, value_name = "PLACES", value_delimiter = ',', required = true)]
    pub peers: Vec<Place>,
    /// Where this node listens for the others, if that is not its address in --peers.
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<SocketAddr>,
    /// Where its data are. A new node's directory is empty.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where its clients come to.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6379")]
    pub listen: SocketAddr,
    /// The number of the cluster: nodes and data of another one are refused.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub cluster: u64,
    /// A file with the token that clients say first (AUTH), on one line.
    #[arg(long, value_name = "FILE")]
    pub token: Option<PathBuf>,
    /// How many clients are served at once.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub clients: usize,
    /// Where it tells operators how it is, over HTTP.
    #[arg(long, value_name = "ADDRESS")]
    pub operators: Option<SocketAddr>,
    /// How much it says of itself on standard error.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
    pub log: Level,
    /// Whether that is for people, or lines of JSON.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: Format,
    /// Stop when the standard input ends.
    #[arg(long, hide = true)]
    pub stop_with_input: bool,
}

/// `kv up`.
#[derive(Clone, Debug, Args)]
pub struct Up {
    /// How many nodes.
    #[arg(short, long = "nodes", value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub nodes: u32,
    /// Where their data are, a directory each.
    #[arg(long, value_name = "DIR", default_value = ".synod/kv")]
    pub data: PathBuf,
    /// Where clients of the first node come to, on loopback; those of the next one to the next port. The nodes meet 10000 ports higher.
    #[arg(long, value_name = "PORT", default_value_t = 6379, value_parser = clap::value_parser!(u16).range(1..=55_000))]
    pub port: u16,
    /// A file with the token that clients say first (AUTH), on one line.
    #[arg(long, value_name = "FILE")]
    pub token: Option<PathBuf>,
}
