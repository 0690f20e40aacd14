//! `kv`.

use super::Desk;
use crate::args::kv::{Kv, Serve, Up};
use crate::error::Error;
use crate::exit::Exit;
use crate::grounds::run::program;
use crate::watch::Interrupt;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;
use synod_kv::node;
use synod_model::ProcessId;
use synod_runtime::link::{Place, listen};
use synod_runtime::node::RunError;
use synod_runtime::service::Reception;

/// How far above the ports of clients the nodes meet.
const BETWEEN: u16 = 10_000;
/// How often it is looked whether a node has ended.
const TICK: Duration = Duration::from_millis(100);
/// How long it is waited before one that has ended is started again.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// Does with a store what is asked.
pub(crate) fn kv(desk: &Desk<'_>, args: &Kv) -> Result<Exit, Error> {
    match args {
        Kv::Serve(args) => serve(args),
        Kv::Up(args) => up(desk, args),
    }
}

fn failed(e: &RunError) -> Error {
    Error::Cluster { what: e.to_string(), hint: e.hint().to_owned() }
}

/// Runs one node until it is told to stop.
pub(crate) fn serve(args: &Serve) -> Result<Exit, Error> {
    if args.stop_with_input {
        Interrupt::ignore();
    }
    let place = args.peers.get(args.id as usize).ok_or_else(|| Error::Arguments {
        what: format!("there is no node {} among {} peers", args.id, args.peers.len()),
        hint: "--peers has all nodes, this one included; the first of them is node 0".to_owned(),
    })?;
    let bind = match (args.bind, place) {
        (Some(address), _) => address,
        (None, Place::Address(address)) => *address,
        (None, Place::Name { .. }) => {
            return Err(Error::Arguments {
                what: format!("node {} has a name in --peers, and no address to listen at", args.id),
                hint: "say with --bind at which address it listens, as 0.0.0.0:7000".to_owned(),
            });
        }
    };
    let token = args.token.as_deref().map(token).transpose()?;
    let mut config = node::Config::new(ProcessId(args.id), &args.peers, bind, &args.data, node::parameters());
    node::NAME.clone_into(&mut config.algorithm);
    config.cluster = args.cluster;
    config.operators = args.operators;
    config.stop_with_input = args.stop_with_input;
    let listener = listen(args.listen).map_err(|e| failed(&e.into()))?;
    let reception = Reception { listener, clients_max: args.clients };
    node::run(&config, true, reception, token, |_| ()).map_err(|e| failed(&e))?;
    Ok(Exit::Holds)
}

/// The first line of a file: it is nowhere in a command line, where others could read it.
fn token(path: &Path) -> Result<Vec<u8>, Error> {
    let wrong = |what: String| Error::File {
        path: path.to_owned(),
        what,
        hint: "the token stands on the first line, and is not empty".to_owned(),
    };
    let text = fs::read(path).map_err(|e| wrong(e.to_string()))?;
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii();
    if line.is_empty() { Err(wrong("there is no token".to_owned())) } else { Ok(line.to_vec()) }
}

/// Runs all nodes, each in an OS process of its own, which ends with this one.
fn up(desk: &Desk<'_>, args: &Up) -> Result<Exit, Error> {
    let port = |p: u32| args.port + u16::try_from(p).unwrap_or(u16::MAX);
    let commands: Vec<_> = (0..args.nodes).map(|p| (p, command(args, p, port))).collect();
    let mut nodes = vec![];
    for (p, mut command) in commands {
        let child = start(&mut command)?;
        let (port, id) = (port(p), child.id());
        desk.printer.talk(format!(
            "node {p}   redis-cli -p {port}   etcdctl --endpoints 127.0.0.1:{port}   kill -9 {id}"
        ));
        nodes.push((p, command, child));
    }
    desk.printer.talk(format!("data in {}; Ctrl-C stops all of them", args.data.display()));
    while !desk.interrupt.is_set() {
        thread::sleep(TICK);
        for (p, command, child) in &mut nodes {
            let Some(status) = child.try_wait().map_err(|e| impossible(&e))? else { continue };
            if status.code() == Some(i32::from(Exit::Environment.code())) {
                return Err(Error::Cluster {
                    what: format!("node {p} has ended: its own words are above"),
                    hint: "choose other ports with --port, or another directory with --data".to_owned(),
                });
            }
            thread::sleep(RESTART_AFTER);
            *child = start(command)?;
            desk.printer
                .talk(format!("node {p} ended ({status}), and was started again   kill -9 {}", child.id()));
        }
    }
    for (_, _, child) in &mut nodes {
        // it stops with its input
        drop(child.stdin.take());
    }
    for (_, _, mut child) in nodes {
        child.wait().map_err(|e| impossible(&e))?;
    }
    Ok(Exit::Holds)
}

fn command(args: &Up, p: u32, port: impl Fn(u32) -> u16) -> Command {
    let address = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string();
    let peers: Vec<_> = (0..args.nodes).map(|p| address(port(p) + BETWEEN)).collect();
    let mut command = Command::new(program());
    command.args(["kv", "serve", "--stop-with-input", "--log", "warn", "--id", &p.to_string()]);
    command.args(["--peers", &peers.join(","), "--listen", &address(port(p))]);
    command.arg("--data").arg(args.data.join(p.to_string()));
    if let Some(token) = &args.token {
        command.arg("--token").arg(token);
    }
    command.stdin(Stdio::piped());
    command
}

fn start(command: &mut Command) -> Result<Child, Error> {
    command.spawn().map_err(|e| impossible(&e))
}

fn impossible(e: &std::io::Error) -> Error {
    Error::Cluster {
        what: format!("a node cannot be started, or waited for: {e}"),
        hint: "look at the limits of processes and memory (`ulimit -a`)".to_owned(),
    }
}
