//! Processes, sockets and limits.

use super::{Answer, Machine, SyncTimes};
use crate::cluster::PORTS;
use rustix::process::{Pid, Resource, Signal, WaitOptions, getrlimit, kill_process, waitpid};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How many ports are looked at.
const PORTS_TRIED: usize = 128;
/// How long a byte may take on loopback.
const PATIENCE: Duration = Duration::from_secs(2);

/// What it has.
pub(super) fn machine(sync: Option<SyncTimes>) -> Machine {
    Machine {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        root: rustix::process::geteuid().is_root(),
        open_files: getrlimit(Resource::Nofile).current,
        processes: getrlimit(Resource::Nproc).current,
        ports_tried: PORTS_TRIED,
        ports_free: ports_free(),
        sync,
    }
}

fn ports_free() -> usize {
    let ports = PORTS.step_by(PORTS.len() / PORTS_TRIED).take(PORTS_TRIED);
    ports.filter(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()).count()
}

/// A child of ours, with nothing to do.
fn idle() -> io::Result<Child> {
    let mut command = Command::new("sleep");
    command.arg("60").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// Kills a child of ours.
pub(super) fn kills() -> Answer {
    let killed = idle().and_then(|mut child| {
        child.kill()?;
        child.wait()
    });
    match killed {
        Ok(status) if status.signal() == Some(Signal::KILL.as_raw()) => {
            Answer::yes("SIGKILL: `synod cluster kill`, `restart`")
        }
        Ok(status) => Answer::no(format!("a child that was killed ended with {status}"), TRACED),
        Err(e) => Answer::no(format!("cannot start and kill `sleep`: {e}"), "raise `ulimit -u`"),
    }
}

const TRACED: &str = "look for what holds signals back: a debugger, a sandbox";

/// Pauses a child of ours, and sees that it stands still.
pub(super) fn pauses() -> Answer {
    let stopped = idle().and_then(|mut child| {
        let stopped = stop(&child);
        child.kill()?;
        child.wait()?;
        stopped
    });
    match stopped {
        Ok(true) => Answer::yes("SIGSTOP, SIGCONT: `synod cluster pause`, `resume`"),
        Ok(false) => Answer::no("a child that was sent SIGSTOP did not stop", TRACED),
        Err(e) => Answer::no(format!("cannot pause a child: {e}"), TRACED),
    }
}

fn stop(child: &Child) -> io::Result<bool> {
    let pid = Pid::from_raw(child.id().cast_signed());
    let Some(pid) = pid else { return Ok(false) };
    kill_process(pid, Signal::STOP)?;
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED)?.unzip();
    Ok(status.is_some_and(rustix::process::WaitStatus::stopped))
}

const LOOPBACK: &str = "bring the loopback interface up: `ip link set lo up`";

/// A byte over a stream.
pub(super) fn streams() -> Answer {
    match pass_stream() {
        Ok(()) => Answer::yes("127.0.0.1, TCP"),
        Err(e) => Answer::no(format!("no byte passes over TCP on 127.0.0.1: {e}"), LOOPBACK),
    }
}

fn pass_stream() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut from = TcpStream::connect_timeout(&listener.local_addr()?, PATIENCE)?;
    let (mut to, _) = listener.accept()?;
    to.set_read_timeout(Some(PATIENCE))?;
    from.write_all(&[1])?;
    to.read_exact(&mut [0])
}

/// A byte in a datagram.
pub(super) fn datagrams() -> Answer {
    match pass_datagram() {
        Ok(()) => Answer::yes("127.0.0.1, UDP"),
        Err(e) => Answer::no(format!("no datagram passes on 127.0.0.1: {e}"), LOOPBACK),
    }
}

fn pass_datagram() -> io::Result<()> {
    let (from, to) = (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
    to.set_read_timeout(Some(PATIENCE))?;
    from.send_to(&[1], to.local_addr()?)?;
    to.recv(&mut [0]).map(drop)
}
