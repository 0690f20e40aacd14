//! What the words of a request mean: acts on the store, and what is between a client and its server alone. What they do not mean is told in
//! the words in which Redis tells it.

use crate::act::{Act, Lifetime, Only, Read, Set, Write};
use crate::bytes::Bytes;
use crate::number::decimal;
use crate::{KEY_LENGTH_MAX, VALUE_LENGTH_MAX};
use thiserror::Error;

/// How many keys SCAN looks at unless told otherwise.
const SCAN_COUNT: u64 = 10;
/// How much of what is unknown is told.
const ECHO_LENGTH: usize = 128;

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Of the store.
    Act(Act),
    /// Of the server.
    Control(Control),
}

/// What a client wants of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// PING, with what is to be said.
    Ping(Option<Bytes>),
    /// ECHO.
    Echo(Bytes),
    /// INFO.
    Info,
    /// COMMAND, and COMMAND COUNT: what commands there are is not told.
    Commands {
        /// How many, and not which.
        count: bool,
    },
    /// CLIENT, of which the answer is that it is well.
    Client,
    /// CLIENT ID.
    ClientId,
    /// CONFIG GET: nothing is told.
    Config,
    /// SELECT, of the one database.
    Select,
    /// AUTH.
    Auth(Bytes),
    /// HELLO.
    Hello {
        /// Which version of the protocol.
        version: Option<u8>,
        /// AUTH.
        token: Option<Bytes>,
    },
    /// MULTI.
    Multi,
    /// EXEC.
    Exec,
    /// DISCARD.
    Discard,
    /// UNWATCH: nothing is watched.
    Unwatch,
    /// QUIT.
    Quit,
}

/// Why there is nothing that it means.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Wrong {
    /// No such command.
    #[error("ERR unknown command '{name}', with args beginning with: {args}")]
    Unknown {
        /// Its name.
        name: String,
        /// The first words after it.
        args: String,
    },
    /// Too few words, or too many.
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(String),
    /// Options that do not go together, or that there are not.
    #[error("ERR syntax error")]
    Syntax,
    /// A word that should be a number.
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    /// A number whose opposite there is not.
    #[error("ERR decrement would overflow")]
    Decrement,
    /// A time to live that is none.
    #[error("ERR invalid expire time in '{0}' command")]
    ExpireTime(String),
    /// A place to go on that is none.
    #[error("ERR invalid cursor")]
    Cursor,
    /// There is one database.
    #[error("ERR DB index is out of range")]
    Database,
    /// A version of the protocol that is not spoken.
    #[error("NOPROTO unsupported protocol version")]
    Version,
    /// A key that is too long.
    #[error("ERR key is longer than {KEY_LENGTH_MAX} bytes")]
    Key,
    /// A value that is too long.
    #[error("ERR string exceeds maximum allowed size ({VALUE_LENGTH_MAX} bytes)")]
    Value,
    /// WATCH.
    #[error("ERR WATCH is not supported: no transaction here depends on what it has read before")]
    Watch,
    /// A subcommand that there is not.
    #[error("ERR unknown subcommand '{subcommand}' of '{name}'")]
    Subcommand {
        /// Of which command.
        name: String,
        /// Its name.
        subcommand: String,
    },
}

/// What a request means that has at least one word.
///
/// # Errors
/// If it means nothing.
pub fn parse(words: &[Bytes]) -> Result<Request, Wrong> {
    let (name, args) = words.split_first().map_or((&[][..], &[][..]), |(name, args)| (&**name, args));
    let command = Command { name: upper(name), args };
    if let Some(write) = command.write() {
        return write.map(|write| Request::Act(Act::Write(write)));
    }
    if let Some(read) = command.read() {
        return read.map(|read| Request::Act(Act::Read(read)));
    }
    command.control().unwrap_or_else(|| Err(unknown(name, args))).map(Request::Control)
}

fn unknown(name: &[u8], args: &[Bytes]) -> Wrong {
    let text = |bytes: &[u8]| bytes[..bytes.len().min(ECHO_LENGTH)].escape_ascii().to_string();
    let mut told = String::new();
    for arg in args {
        if told.len() >= ECHO_LENGTH {
            break;
        }
        told = format!("{told}'{}' ", text(arg));
    }
    Wrong::Unknown { name: text(name), args: told }
}

fn upper(word: &[u8]) -> String {
    String::from_utf8_lossy(&word[..word.len().min(ECHO_LENGTH)]).to_ascii_uppercase()
}

type Parsed<T> = Result<T, Wrong>;

/// A command's name and what follows it.
struct Command<'a> {
    name: String,
    args: &'a [Bytes],
}

fn key(word: &Bytes) -> Parsed<Bytes> {
    if word.len() > KEY_LENGTH_MAX { Err(Wrong::Key) } else { Ok(word.clone()) }
}

fn value(word: &Bytes) -> Parsed<Bytes> {
    if word.len() > VALUE_LENGTH_MAX { Err(Wrong::Value) } else { Ok(word.clone()) }
}

fn keys(words: &[Bytes]) -> Parsed<Vec<Bytes>> {
    words.iter().map(key).collect()
}

fn number(word: &Bytes) -> Parsed<i64> {
    decimal(word).ok_or(Wrong::NotAnInteger)
}

fn positive(number: i64) -> Parsed<u64> {
    u64::try_from(number).ok().filter(|&number| number > 0).ok_or(Wrong::Syntax)
}

/// What writes.
impl Command<'_> {
    fn write(&self) -> Option<Parsed<Write>> {
        Some(match self.name.as_str() {
            "SET" => self.set(),
            "SETNX" => self.two().and_then(|[k, v]| plain(k, v, Only::IfAbsent, Lifetime::Unbounded)),
            "SETEX" => self.set_for(1000),
            "PSETEX" => self.set_for(1),
            "GETSET" => self.get_set(),
            "DEL" | "UNLINK" => self.some().map(Write::Delete),
            "INCR" => self.one().map(|key| Write::Increment { key, by: 1 }),
            "DECR" => self.one().map(|key| Write::Increment { key, by: -1 }),
            "INCRBY" => self.increment(Some),
            "DECRBY" => self.increment(i64::checked_neg),
            "APPEND" => {
                self.two().and_then(|[k, tail]| Ok(Write::Append { key: key(k)?, tail: value(tail)? }))
            }
            "EXPIRE" => self.expire(1000),
            "PEXPIRE" => self.expire(1),
            "PERSIST" => self.one().map(Write::Persist),
            "MSET" => self.set_all(),
            "FLUSHALL" | "FLUSHDB" => self.clear(),
            _ => return None,
        })
    }

    fn set(&self) -> Parsed<Write> {
        let [k, v, options @ ..] = self.args else { return Err(self.arity()) };
        let mut set = Set {
            key: key(k)?,
            value: value(v)?,
            only: Only::Always,
            lifetime: Lifetime::Unbounded,
            tell_old: false,
        };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let free = set.lifetime == Lifetime::Unbounded;
            match upper(option).as_str() {
                "NX" if set.only == Only::Always => set.only = Only::IfAbsent,
                "XX" if set.only == Only::Always => set.only = Only::IfPresent,
                "GET" => set.tell_old = true,
                "KEEPTTL" if free => set.lifetime = Lifetime::Kept,
                "EX" if free => set.lifetime = self.lifetime(options.next(), 1000)?,
                "PX" if free => set.lifetime = self.lifetime(options.next(), 1)?,
                _ => return Err(Wrong::Syntax),
            }
        }
        Ok(Write::Set(set))
    }

    fn set_for(&self, unit: i64) -> Parsed<Write> {
        let [k, time, v] = self.args else { return Err(self.arity()) };
        plain(k, v, Only::Always, self.lifetime(Some(time), unit)?)
    }

    fn get_set(&self) -> Parsed<Write> {
        let [k, v] = self.two()?;
        let (key, value) = (key(k)?, value(v)?);
        let (only, lifetime) = (Only::Always, Lifetime::Unbounded);
        Ok(Write::Set(Set { key, value, only, lifetime, tell_old: true }))
    }

    fn lifetime(&self, word: Option<&Bytes>, unit: i64) -> Parsed<Lifetime> {
        let time = number(word.ok_or(Wrong::Syntax)?)?;
        let millis = time.checked_mul(unit).filter(|&millis| millis > 0);
        millis.map(|millis| Lifetime::Millis(millis.unsigned_abs())).ok_or_else(|| self.expire_time())
    }

    fn increment(&self, by: impl Fn(i64) -> Option<i64>) -> Parsed<Write> {
        let [k, step] = self.two()?;
        Ok(Write::Increment { key: key(k)?, by: by(number(step)?).ok_or(Wrong::Decrement)? })
    }

    fn expire(&self, unit: i64) -> Parsed<Write> {
        let [k, time] = self.two()?;
        let after = number(time)?.checked_mul(unit).ok_or_else(|| self.expire_time())?;
        Ok(Write::Expire { key: key(k)?, after })
    }

    fn set_all(&self) -> Parsed<Write> {
        let (pairs, []) = self.args.as_chunks::<2>() else { return Err(self.arity()) };
        if pairs.is_empty() {
            return Err(self.arity());
        }
        pairs.iter().map(|[k, v]| Ok((key(k)?, value(v)?))).collect::<Parsed<_>>().map(Write::SetAll)
    }

    fn clear(&self) -> Parsed<Write> {
        let known = |word: &Bytes| matches!(upper(word).as_str(), "ASYNC" | "SYNC");
        match self.args {
            [] => Ok(Write::Clear),
            [how] if known(how) => Ok(Write::Clear),
            _ => Err(Wrong::Syntax),
        }
    }

    fn expire_time(&self) -> Wrong {
        Wrong::ExpireTime(self.name.to_ascii_lowercase())
    }
}

fn plain(k: &Bytes, v: &Bytes, only: Only, lifetime: Lifetime) -> Parsed<Write> {
    Ok(Write::Set(Set { key: key(k)?, value: value(v)?, only, lifetime, tell_old: false }))
}

/// What reads.
impl Command<'_> {
    fn read(&self) -> Option<Parsed<Read>> {
        Some(match self.name.as_str() {
            "GET" => self.one().map(Read::Get),
            "MGET" => self.some().map(Read::GetAll),
            "EXISTS" => self.some().map(Read::Exists),
            "STRLEN" => self.one().map(Read::Length),
            "TYPE" => self.one().map(Read::Type),
            "TTL" => self.one().map(Read::Seconds),
            "PTTL" => self.one().map(Read::Milliseconds),
            "KEYS" => self.one().map(Read::Keys),
            "SCAN" => self.scan(),
            "DBSIZE" => self.none().map(|()| Read::Count),
            _ => return None,
        })
    }

    fn scan(&self) -> Parsed<Read> {
        let [cursor, options @ ..] = self.args else { return Err(self.arity()) };
        let cursor = decimal(cursor).and_then(|cursor| u64::try_from(cursor).ok()).ok_or(Wrong::Cursor)?;
        let (mut pattern, mut count) = (None, SCAN_COUNT);
        let (options, []) = options.as_chunks::<2>() else { return Err(Wrong::Syntax) };
        for [option, word] in options {
            match upper(option).as_str() {
                "MATCH" => pattern = Some(key(word)?),
                "COUNT" => count = positive(number(word)?)?,
                _ => return Err(Wrong::Syntax),
            }
        }
        Ok(Read::Scan { cursor, pattern, count })
    }
}

/// What is between a client and its server.
impl Command<'_> {
    fn control(&self) -> Option<Parsed<Control>> {
        Some(match self.name.as_str() {
            "PING" => match self.args {
                [] => Ok(Control::Ping(None)),
                [word] => Ok(Control::Ping(Some(word.clone()))),
                _ => Err(self.arity()),
            },
            "ECHO" => match self.args {
                [word] => Ok(Control::Echo(word.clone())),
                _ => Err(self.arity()),
            },
            "INFO" => Ok(Control::Info),
            "COMMAND" => {
                let count = self.args.first().is_some_and(|word| upper(word) == "COUNT");
                Ok(Control::Commands { count })
            }
            "CLIENT" => self.client(),
            "CONFIG" => self.config(),
            "SELECT" => self.select(),
            "AUTH" => self.auth(),
            "HELLO" => self.hello(),
            "MULTI" => self.none().map(|()| Control::Multi),
            "EXEC" => self.none().map(|()| Control::Exec),
            "DISCARD" => self.none().map(|()| Control::Discard),
            "WATCH" => Err(Wrong::Watch),
            "UNWATCH" => self.none().map(|()| Control::Unwatch),
            "QUIT" => Ok(Control::Quit),
            _ => return None,
        })
    }

    fn client(&self) -> Parsed<Control> {
        let [subcommand, ..] = self.args else { return Err(self.arity()) };
        match upper(subcommand).as_str() {
            "SETNAME" | "SETINFO" | "NO-EVICT" | "NO-TOUCH" => Ok(Control::Client),
            "ID" => Ok(Control::ClientId),
            _ => Err(self.subcommand(subcommand)),
        }
    }

    fn config(&self) -> Parsed<Control> {
        match self.args {
            [] => Err(self.arity()),
            [subcommand, ..] if upper(subcommand) == "GET" => Ok(Control::Config),
            [subcommand, ..] => Err(self.subcommand(subcommand)),
        }
    }

    fn select(&self) -> Parsed<Control> {
        let [index] = self.args else { return Err(self.arity()) };
        if number(index)? == 0 { Ok(Control::Select) } else { Err(Wrong::Database) }
    }

    /// AUTH token, or AUTH user token: there are no users.
    fn auth(&self) -> Parsed<Control> {
        match self.args {
            [token] | [_, token] => Ok(Control::Auth(token.clone())),
            _ => Err(self.arity()),
        }
    }

    fn hello(&self) -> Parsed<Control> {
        let [version, rest @ ..] = self.args else {
            return Ok(Control::Hello { version: None, token: None });
        };
        let known = decimal(version).filter(|version| (2..=3).contains(version));
        let version = Some(known.ok_or(Wrong::Version)? as u8);
        let (mut token, mut rest) = (None, rest);
        while let [option, after @ ..] = rest {
            rest = match (upper(option).as_str(), after) {
                ("AUTH", [_, given, after @ ..]) => {
                    token = Some(given.clone());
                    after
                }
                ("SETNAME", [_, after @ ..]) => after,
                _ => return Err(Wrong::Syntax),
            };
        }
        Ok(Control::Hello { version, token })
    }
}

/// How many words there are.
impl Command<'_> {
    fn arity(&self) -> Wrong {
        Wrong::Arity(self.name.to_ascii_lowercase())
    }

    fn subcommand(&self, word: &[u8]) -> Wrong {
        Wrong::Subcommand { name: self.name.to_ascii_lowercase(), subcommand: upper(word) }
    }

    fn none(&self) -> Parsed<()> {
        if self.args.is_empty() { Ok(()) } else { Err(self.arity()) }
    }

    fn one(&self) -> Parsed<Bytes> {
        let [word] = self.args else { return Err(self.arity()) };
        key(word)
    }

    fn two(&self) -> Parsed<&[Bytes; 2]> {
        self.args.try_into().map_err(|_| self.arity())
    }

    fn some(&self) -> Parsed<Vec<Bytes>> {
        if self.args.is_empty() { Err(self.arity()) } else { keys(self.args) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        let words: Vec<Bytes> = line.split(' ').map(Bytes::from).collect();
        parse(&words).map_err(|wrong| wrong.to_string())
    }

    fn set(only: Only, lifetime: Lifetime, tell_old: bool) -> Request {
        let set = Set { key: "k".into(), value: "v".into(), only, lifetime, tell_old };
        Request::Act(Act::Write(Write::Set(set)))
    }

    #[test]
    fn set_has_its_options_in_any_order_and_each_once() {
        for (line, means) in [
            ("set k v", set(Only::Always, Lifetime::Unbounded, false)),
            ("SET k v NX", set(Only::IfAbsent, Lifetime::Unbounded, false)),
            ("SET k v ex 3 xx get", set(Only::IfPresent, Lifetime::Millis(3000), true)),
            ("SET k v GET KEEPTTL", set(Only::Always, Lifetime::Kept, true)),
            ("SETEX k 2 v", set(Only::Always, Lifetime::Millis(2000), false)),
            ("PSETEX k 2 v", set(Only::Always, Lifetime::Millis(2), false)),
            ("SETNX k v", set(Only::IfAbsent, Lifetime::Unbounded, false)),
            ("GETSET k v", set(Only::Always, Lifetime::Unbounded, true)),
        ] {
            assert_eq!(parsed(line), Ok(means), "{line}");
        }
        for line in [
            "SET k v NX XX",
            "SET k v XX NX",
            "SET k v EX 1 KEEPTTL",
            "SET k v EX 1 PX 1",
            "SET k v EX",
            "SET k v KEEPTTL EX 1",
            "SET k v EXAT 1",
        ] {
            assert_eq!(parsed(line), Err("ERR syntax error".to_owned()), "{line}");
        }
    }

    #[test]
    fn what_means_nothing_is_told_in_rediss_words() {
        for (line, why) in [
            ("GET", "ERR wrong number of arguments for 'get' command"),
            ("get a b", "ERR wrong number of arguments for 'get' command"),
            ("SET k", "ERR wrong number of arguments for 'set' command"),
            ("MSET a 1 b", "ERR wrong number of arguments for 'mset' command"),
            ("foo a b", "ERR unknown command 'foo', with args beginning with: 'a' 'b' "),
            ("SET k v EX 0", "ERR invalid expire time in 'set' command"),
            ("SETEX k -1 v", "ERR invalid expire time in 'setex' command"),
            ("EXPIRE k 9223372036854775807", "ERR invalid expire time in 'expire' command"),
            ("SET k v EX x", "ERR value is not an integer or out of range"),
            ("INCRBY k 1.5", "ERR value is not an integer or out of range"),
            ("DECRBY k -9223372036854775808", "ERR decrement would overflow"),
            ("SCAN x", "ERR invalid cursor"),
            ("SCAN 0 COUNT 0", "ERR syntax error"),
            ("SCAN 0 MATCH", "ERR syntax error"),
            ("SELECT 1", "ERR DB index is out of range"),
            ("HELLO 4", "NOPROTO unsupported protocol version"),
            ("FLUSHALL now", "ERR syntax error"),
        ] {
            assert_eq!(parsed(line), Err(why.to_owned()), "{line}");
        }
        assert!(parsed("WATCH k").expect_err("refused").contains("not supported"));
        assert_eq!(parsed(""), Err("ERR unknown command '', with args beginning with: ".to_owned()));
    }

    #[test]
    fn reads_and_steps_mean_what_they_say() {
        let act = |act| Ok(Request::Act(act));
        let by = |by| act(Act::Write(Write::Increment { key: "k".into(), by }));
        assert_eq!([parsed("INCR k"), parsed("DECRBY k 3")], [by(1), by(-3)]);
        let expire = |after| act(Act::Write(Write::Expire { key: "k".into(), after }));
        assert_eq!([parsed("EXPIRE k -1"), parsed("PEXPIRE k 5")], [expire(-1000), expire(5)]);
        let scan = Read::Scan { cursor: 7, pattern: Some("a*".into()), count: 3 };
        assert_eq!(parsed("SCAN 7 COUNT 3 MATCH a*"), act(Act::Read(scan)));
        let hello = Control::Hello { version: Some(3), token: Some("t".into()) };
        assert_eq!(parsed("HELLO 3 AUTH default t SETNAME me"), Ok(Request::Control(hello)));
    }

    #[test]
    fn no_key_is_longer_than_keys_are() {
        let long: Bytes = vec![b'k'; KEY_LENGTH_MAX + 1].into();
        let fits: Bytes = vec![b'k'; KEY_LENGTH_MAX].into();
        let words = |key: &Bytes, line: &str| -> Vec<Bytes> {
            line.split(' ').map(|word| if word == "k" { key.clone() } else { word.into() }).collect()
        };
        for line in [
            "GET k",
            "SET k v",
            "DEL a k",
            "INCR k",
            "INCRBY k 1",
            "APPEND k v",
            "EXPIRE k 1",
            "MSET a b k v",
            "SETEX k 1 v",
            "SETNX k v",
            "GETSET k v",
            "MGET a k",
            "TTL k",
            "EXISTS k",
            "PERSIST k",
            "KEYS k",
        ] {
            assert_eq!(parse(&words(&long, line)), Err(Wrong::Key), "{line}");
            assert!(parse(&words(&fits, line)).is_ok(), "{line}");
        }
    }
}
