//! Where a peer is: an address, or a name that is looked up anew whenever there is no connection.
//!
//! A look-up may take as long as the system's resolver likes. So it has a thread of its own, one at a time for each peer, and whoever
//! asks waits no longer than it wants to: an unknown name is trouble of that one link.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;
use thiserror::Error;

/// The longest name there is, in bytes.
const NAME_LENGTH_MAX: usize = 253;

/// Where a peer listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// At this address.
    Address(SocketAddr),
    /// Where this name leads, which may change.
    Name {
        /// The name of a host.
        host: String,
        /// The port.
        port: u16,
    },
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

/// What is neither an address nor a name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no address: write `10.0.0.1:7000`, `[::1]:7000` or, with a name, `host.example:7000`")]
pub struct NoPlace(String);

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let wrong = || NoPlace(text.to_owned());
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|&port| port != 0).ok_or_else(wrong)?;
        if is_name(host) { Ok(Self::Name { host: host.to_owned(), port }) } else { Err(wrong()) }
    }
}

/// Letters, digits, hyphens and, as some systems have them, underscores; the last label is no number: that would be an
/// address with a mistake in it.
fn is_name(host: &str) -> bool {
    let labels: Vec<_> = host.strip_suffix('.').unwrap_or(host).split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let ends_in_number = labels.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    host.len() <= NAME_LENGTH_MAX && labels.iter().all(is_label) && !ends_in_number
}

impl TryFrom<String> for Place {
    type Error = NoPlace;

    fn try_from(text: String) -> Result<Self, NoPlace> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// Why there is no address now.
#[derive(Debug, Error)]
pub(super) enum Unknown {
    #[error("the name {place} is not known: {source}")]
    Name { place: Place, source: io::Error },
    #[error("the name {0} has no address")]
    Nowhere(Place),
    #[error("the name {0} is still looked up")]
    Pending(Place),
    #[error("cannot start a thread to look up {place}: {source}")]
    Thread { place: Place, source: io::Error },
}

type Found = io::Result<Vec<SocketAddr>>;

/// Looks up where a peer is.
#[derive(Debug)]
pub(super) struct Finder {
    place: Place,
    under_way: Option<Receiver<Found>>,
}

impl Finder {
    pub(super) fn new(place: Place) -> Self {
        Self { place, under_way: None }
    }

    /// Where the peer is now. Waits no longer than `patience`; a look-up that takes longer goes on, and the next call has
    /// what comes of it.
    pub(super) fn find(&mut self, patience: Duration) -> Result<Vec<SocketAddr>, Unknown> {
        let place = || self.place.clone();
        let (host, port) = match &self.place {
            Place::Address(address) => return Ok(vec![*address]),
            Place::Name { host, port } => (host, *port),
        };
        let found = match self.under_way.take() {
            Some(found) => found,
            None => look_up(host, port).map_err(|source| Unknown::Thread { place: place(), source })?,
        };
        match found.recv_timeout(patience) {
            Ok(Ok(addresses)) if addresses.is_empty() => Err(Unknown::Nowhere(place())),
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(source)) => Err(Unknown::Name { place: place(), source }),
            Err(RecvTimeoutError::Timeout) => {
                self.under_way = Some(found);
                Err(Unknown::Pending(place()))
            }
            Err(RecvTimeoutError::Disconnected) => Err(Unknown::Nowhere(place())),
        }
    }

    /// Whether there is anything to look up.
    pub(super) fn has_name(&self) -> bool {
        matches!(self.place, Place::Name { .. })
    }

    /// Whether a look-up has not ended.
    pub(super) fn is_pending(&self) -> bool {
        self.under_way.is_some()
    }
}

fn look_up(host: &str, port: u16) -> io::Result<Receiver<Found>> {
    let (tell, found) = mpsc::channel();
    let host = host.to_owned();
    let run = move || {
        let _ = tell.send((host.as_str(), port).to_socket_addrs().map(Iterator::collect));
    };
    thread::Builder::new().name("look-up".to_owned()).spawn(run)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_read_back_from_their_own_words() {
        for text in [
            "127.0.0.1:7000",
            "[::1]:7000",
            "localhost:1",
            "synod-recovery-1.synod-recovery:7000",
            "a_b.c.:9",
        ] {
            let place: Place = text.parse().unwrap();
            assert_eq!(place.to_string(), text);
            assert_eq!(serde_json::from_str::<Place>(&format!("{text:?}")).unwrap(), place);
        }
        assert!(matches!("127.0.0.1:7000".parse(), Ok(Place::Address(_))));
    }

    #[test]
    fn nonsense_is_no_place() {
        for text in [
            "",
            "host",
            "host:",
            ":7000",
            "host:0",
            "host:65536",
            "host:-1",
            "a b:1",
            "-a:1",
            "a..b:1",
            "::1:7000",
            "10.0.0.256:7000",
            "10.0.0:7000",
        ] {
            assert_eq!(text.parse::<Place>(), Err(NoPlace(text.to_owned())));
        }
    }

    #[test]
    fn an_unknown_name_has_no_address_and_is_told() {
        let mut finder = Finder::new("nobody.invalid:7000".parse().unwrap());
        let why = finder.find(Duration::ZERO).unwrap_err();
        assert_eq!(finder.is_pending(), matches!(why, Unknown::Pending(_)));
        let why = why.to_string();
        assert!(why.contains("nobody.invalid:7000"), "{why}");
        let mut finder = Finder::new("127.0.0.1:7000".parse().unwrap());
        assert_eq!(finder.find(Duration::ZERO).unwrap(), ["127.0.0.1:7000".parse().unwrap()]);
    }
}
