//! As much of HTTP as operators need: a request, an answer, and the connection is closed.
//!
//! The head of a request is read by `httparse`; bodies are not read. Whoever is slow has a deadline, whoever is many pushes out
//! the slowest: a newcomer is always served, and there are only so many threads.

use crate::link::LinkError;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How many are served at once.
const REQUESTS_MAX: usize = 16;
/// How many threads there are at most: those who were pushed out may need some time to notice.
const THREADS_MAX: usize = 64;
/// How long a request may take, from the first byte of its head to the last one of the answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the head of a request may be, and how many headers it may have.
const HEAD_LENGTH_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;
/// How much of what is sent besides is read, so that the answer arrives.
const REST_LENGTH_MAX: usize = 64 << 10;
/// How long nobody is accepted when the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: body.into() }
    }

    fn head(&self) -> String {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            431 => "Request Header Fields Too Large",
            _ => "Service Unavailable",
        };
        let allow = if self.status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
        format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{allow}\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n",
            self.status,
            self.kind,
            self.body.len()
        )
    }
}

/// Answers for a path.
type Respond = dyn Fn(&str) -> Response + Send + Sync;

/// Serves until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    respond: Box<Respond>,
    stopped: AtomicBool,
    open: Mutex<Open>,
}

/// Connections.
#[derive(Default)]
struct Open {
    streams: BTreeMap<u64, TcpStream>,
    opened: u64,
    threads: usize,
}

impl Server {
    pub(crate) fn start(
        listener: TcpListener,
        respond: impl Fn(&str) -> Response + Send + Sync + 'static,
    ) -> Result<Self, LinkError> {
        let address = listener.local_addr().map_err(LinkError::Thread)?;
        let shared = Arc::new(Shared {
            respond: Box::new(respond),
            stopped: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        let accept = move || accepting.accept(&listener);
        let thread = thread::Builder::new().name("operators".to_owned()).spawn(accept);
        Ok(Self { address, shared, thread: Some(thread.map_err(LinkError::Thread)?) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // it waits for a connection: give it one
        let reached = TcpStream::connect_timeout(&self.address, REQUEST_TIMEOUT).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| reached) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            match stream {
                Ok(stream) => self.admit(stream),
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    /// Serves a newcomer, in the place of the one who has been there for longest if there are too many.
    fn admit(self: &Arc<Self>, stream: TcpStream) {
        let Ok(handle) = stream.try_clone() else { return };
        let mut open = self.lock();
        if open.streams.len() >= REQUESTS_MAX
            && let Some((_, slowest)) = open.streams.pop_first()
        {
            let _ = slowest.shutdown(Shutdown::Both);
        }
        if open.threads >= THREADS_MAX {
            return;
        }
        let number = open.opened;
        (open.opened, open.threads) = (number + 1, open.threads + 1);
        open.streams.insert(number, handle);
        drop(open);
        let serving = Arc::clone(self);
        let serve = move || {
            // one that breaks off is no trouble of ours
            let _ = serving.serve(stream);
            serving.leave(number);
        };
        if thread::Builder::new().name("operator".to_owned()).spawn(serve).is_err() {
            self.leave(number);
        }
    }

    fn leave(&self, number: u64) {
        let mut open = self.lock();
        open.streams.remove(&number);
        open.threads -= 1;
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut timed = Timed { stream, deadline: Instant::now() + REQUEST_TIMEOUT };
        let (response, with_body) = match read_head(&mut timed) {
            Ok(Head::None) => return Ok(()),
            Ok(Head::Page(path)) => ((self.respond)(&path), true),
            Ok(Head::Title(path)) => ((self.respond)(&path), false),
            Ok(Head::Refused(status, why)) => (Response::text(status, why), true),
            Err(e) if e.kind() == io::ErrorKind::TimedOut => {
                timed.deadline = Instant::now() + PAUSE;
                (Response::text(408, "the request took too long\n"), true)
            }
            Err(e) => return Err(e),
        };
        timed.write(response.head().as_bytes())?;
        if with_body {
            timed.write(response.body.as_bytes())?;
        }
        // what was not read would make the system take back what was written
        timed.stream.shutdown(Shutdown::Write)?;
        let (mut rest, mut bytes) = (0, [0; 4 << 10]);
        while rest < REST_LENGTH_MAX {
            match timed.read(&mut bytes)? {
                0 => break,
                count => rest += count,
            }
        }
        Ok(())
    }
}

/// What someone asks for.
enum Head {
    Page(String),
    Title(String),
    Refused(u16, &'static str),
    /// The connection ended before.
    None,
}

/// Reads the head of a request.
fn read_head(stream: &mut Timed) -> io::Result<Head> {
    let mut bytes = vec![];
    let mut more = [0; 2 << 10];
    loop {
        let count = stream.read(&mut more)?;
        if count == 0 {
            return Ok(Head::None);
        }
        bytes.extend(&more[..count]);
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&bytes) {
            Ok(httparse::Status::Complete(_)) => return Ok(head(&request)),
            Ok(httparse::Status::Partial) if bytes.len() < HEAD_LENGTH_MAX => {}
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Ok(Head::Refused(431, "the head of the request is too long\n"));
            }
            Err(_) => return Ok(Head::Refused(400, "this is no request of HTTP/1.1\n")),
        }
    }
}

fn head(request: &httparse::Request<'_, '_>) -> Head {
    let target = request.path.unwrap_or_default();
    let path = target.split_once('?').map_or(target, |(path, _)| path).to_owned();
    match request.method {
        Some("GET") => Head::Page(path),
        Some("HEAD") => Head::Title(path),
        _ => Head::Refused(405, "nothing can be changed here\n"),
    }
}

/// A stream with a deadline.
struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(bytes).map_err(timed_out)
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(self.left()?)?;
            match self.stream.write(bytes).map_err(timed_out)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => bytes = &bytes[count..],
            }
        }
        Ok(())
    }
}

/// What a socket says whose timeout has passed depends on the system.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn server() -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Server::start(listener, |path| match path {
            "/here" => Response::text(200, "x".repeat(1 << 20)),
            _ => Response::text(404, "nothing\n"),
        })
        .unwrap()
    }

    fn say(server: &Server, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(server.address).unwrap();
        // who is pushed out before it has spoken notices later
        let _ = stream.write_all(bytes);
        stream
    }

    fn ask(server: &Server, bytes: &[u8]) -> String {
        let mut answer = String::new();
        say(server, bytes).read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn requests_are_answered_and_nonsense_is_refused() {
        let server = server();
        let get = ask(&server, b"GET /here?a=b HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(get.starts_with("HTTP/1.1 200 OK\r\n") && get.contains("Content-Length: 1048576\r\n"));
        assert!(get.ends_with(&"x".repeat(1 << 20)));
        let head = ask(&server, b"HEAD /here HTTP/1.0\r\n\r\n");
        assert!(head.contains("1048576") && head.ends_with("\r\n\r\n"), "{head}");
        let headers = "a: b\r\n".repeat(HEADERS_MAX + 1);
        let endless = format!("GET /{} HTTP/1.1\r\n", "y".repeat(HEAD_LENGTH_MAX));
        for (said, status) in [
            ("GET /there HTTP/1.1\r\n\r\n", 404),
            ("POST /here HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 405),
            ("SYNODTCP\0\0\0\x01", 400),
            ("{\"hello\":{\"cluster\":7}}\n", 400),
            ("\x16\x03\x01\x02\0\x01\0", 400),
            (&format!("GET /here HTTP/1.1\r\n{headers}\r\n"), 431),
            (&endless, 431),
        ] {
            let answer = ask(&server, said.as_bytes());
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{said:?}: {answer}");
        }
        assert!(ask(&server, b"POST / HTTP/1.1\r\n\r\n").contains("Allow: GET, HEAD\r\n"));
    }

    #[test]
    fn who_is_slow_holds_nobody_up() {
        let server = server();
        // they say nothing, or never all of it, or do not read
        let mut slow: Vec<_> = (0..THREADS_MAX + 2 * REQUESTS_MAX)
            .map(|number| say(&server, [&b""[..], b"GET /he", b"GET /here HTTP/1.1\r\n\r\n"][number % 3]))
            .collect();
        // one whose turn comes when all threads are taken is hung up, and asks again
        while !ask_or_not(&server).contains("200 OK") {}
        assert!(server.shared.lock().threads <= THREADS_MAX);
        assert!(server.shared.lock().streams.len() <= REQUESTS_MAX);
        // the first was pushed out
        let mut nothing = vec![];
        let _ = slow[0].read_to_end(&mut nothing);
        assert!(!String::from_utf8_lossy(&nothing).contains("200 OK"));
    }

    fn ask_or_not(server: &Server) -> String {
        let mut answer = vec![];
        let _ = say(server, b"GET /here HTTP/1.1\r\n\r\n").read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn nobody_accepts_once_it_is_dropped() {
        let server = server();
        let shared = Arc::clone(&server.shared);
        drop(server);
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
