//! What one client says and hears, without sockets: requests come in, acts go to the store, replies go out in the order of the requests.
//!
//! All requests that have come together are one batch, and one batch of a client is under way at a time: what a client asks later
//! happens later, however much it asks at once.

use crate::act::{Act, Reply};
use crate::bytes::Bytes;
use crate::etcd::Node;
use crate::request::{Control, Request, Wrong, parse};
use crate::resp::{self, Decoder, REQUEST_LENGTH_MAX, Version, Words};

/// How many requests, and about how many bytes of them, make a batch at most; a request more may be longer.
const BATCH_REQUESTS_MAX: usize = 1024;
const BATCH_LENGTH: usize = 64 << 10;
/// How many bytes a transaction may have, and how many acts.
const TRANSACTION_LENGTH_MAX: usize = REQUEST_LENGTH_MAX;
const TRANSACTION_ACTS_MAX: usize = 8 << 10;
/// How many bytes of what was not read yet wait at most: any request, and what comes right behind it.
const INPUT_LENGTH_MAX: usize = REQUEST_LENGTH_MAX + (128 << 10);
/// How many bytes of replies to one batch are told.
const OUTPUT_LENGTH_MAX: usize = 16 << 20;
/// How many commands there are, as COMMAND COUNT has it.
const COMMANDS: i64 = 45;

/// What a browser says that a page makes ask this server: nothing of what comes behind it is obeyed, as in Redis.
const HTTP: [&[u8]; 2] = [b"POST", b"Host:"];

const LEFT_OUT: &str =
    "ERR the replies to what was asked at once are too long: this one is left out, though it was done";

/// What a server knows that its clients may ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// What a client must say first of all.
    pub(crate) token: Option<Vec<u8>>,
    /// What INFO tells.
    pub(crate) info: String,
    /// What the API of etcd tells of the nodes.
    pub(crate) node: Node,
}

impl About {
    /// Whether the token is as it should be; how long that takes tells nothing of it but its length.
    pub(crate) fn is_token(&self, token: &[u8]) -> bool {
        let wanted = self.token.as_deref().unwrap_or_default();
        let differs = wanted.iter().zip(token).fold(0, |differs, (a, b)| differs | (a ^ b));
        wanted.len() == token.len() && differs == 0
    }
}

/// A client.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    client: u64,
    decoder: Decoder,
    version: Version,
    /// It has said the token.
    is_trusted: bool,
    transaction: Option<Transaction>,
    /// What the batch that is under way will be answered with.
    forms: Vec<Form>,
    is_waiting: bool,
    /// Nothing more is heard.
    is_over: bool,
}

/// What was asked since MULTI.
#[derive(Clone, Debug, Default)]
struct Transaction {
    acts: Vec<Act>,
    length: usize,
    is_spoilt: bool,
}

/// What a request is answered with.
#[derive(Clone, Debug)]
enum Form {
    /// This.
    Said(Vec<u8>),
    /// The reply to one act.
    One,
    /// The replies to so many, as an array.
    Many(usize),
}

/// How a batch ended.
pub(crate) enum Ended {
    /// With a reply to each act.
    Answered(Vec<Reply>),
    /// With an error.
    Failed(&'static str),
}

impl Conversation {
    pub(crate) fn new(client: u64) -> Self {
        Self {
            client,
            decoder: Decoder::default(),
            version: Version::Two,
            is_trusted: false,
            transaction: None,
            forms: vec![],
            is_waiting: false,
            is_over: false,
        }
    }

    /// The client says this.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.decoder.take(bytes);
    }

    /// Whether more should be heard of it now.
    pub(crate) fn listens(&self) -> bool {
        !self.is_over && self.decoder.waiting() < INPUT_LENGTH_MAX
    }

    /// Whether the client hears no more than what it is told next.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over && !self.is_waiting
    }

    /// The next batch that the store is asked, if there is one; what is answered without it goes out.
    pub(crate) fn next_batch(&mut self, about: &About, out: &mut Vec<u8>) -> Option<Vec<Act>> {
        let mut acts = vec![];
        while !self.is_waiting && acts.is_empty() && !self.is_over {
            let mut length = 0;
            while length < BATCH_LENGTH && self.forms.len() < BATCH_REQUESTS_MAX && !self.is_over {
                match self.decoder.request() {
                    Ok(Some(words)) => {
                        length += words.length;
                        self.obey(&words, about, &mut acts);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        self.say(|out| resp::error(&error.to_string(), out));
                        self.is_over = true;
                    }
                }
            }
            if acts.is_empty() {
                if self.forms.is_empty() {
                    break;
                }
                self.tell(Ended::Answered(vec![]), out);
            }
        }
        self.is_waiting |= !acts.is_empty();
        (!acts.is_empty()).then_some(acts)
    }

    /// The batch that was under way has ended.
    pub(crate) fn ended(&mut self, ended: Ended, out: &mut Vec<u8>) {
        self.is_waiting = false;
        self.tell(ended, out);
    }

    fn tell(&mut self, ended: Ended, out: &mut Vec<u8>) {
        let (mut replies, failed) = match ended {
            Ended::Answered(replies) => (replies.into_iter(), None),
            Ended::Failed(why) => (vec![].into_iter(), Some(why)),
        };
        for form in std::mem::take(&mut self.forms) {
            let is_left_out = (out.len() > OUTPUT_LENGTH_MAX).then_some(LEFT_OUT);
            match (form, failed.or(is_left_out)) {
                (Form::Said(bytes), _) => out.extend_from_slice(&bytes),
                (Form::One, Some(why)) => {
                    replies.next();
                    resp::error(why, out);
                }
                (Form::Many(count), Some(why)) => {
                    replies.by_ref().take(count).for_each(drop);
                    resp::error(why, out);
                }
                (Form::One, None) => {
                    let reply = replies.next().expect("a reply to each act");
                    resp::reply(&reply, self.version, out);
                }
                (Form::Many(count), None) => {
                    let array = Reply::Array(replies.by_ref().take(count).collect());
                    resp::reply(&array, self.version, out);
                }
            }
        }
    }

    fn say(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = vec![];
        write(&mut bytes);
        self.forms.push(Form::Said(bytes));
    }

    fn refuse(&mut self, why: &str) {
        if let Some(transaction) = &mut self.transaction {
            transaction.is_spoilt = true;
        }
        self.say(|out| resp::error(why, out));
    }

    fn obey(&mut self, Words { words, length }: &Words, about: &About, acts: &mut Vec<Act>) {
        let Some(first) = words.first() else { return };
        if HTTP.iter().any(|word| first.eq_ignore_ascii_case(word)) {
            self.say(|out| resp::error("ERR Protocol error: this is no server of HTTP", out));
            self.is_over = true;
            return;
        }
        let request = parse(words);
        let introduces =
            matches!(request, Ok(Request::Control(Control::Auth(_) | Control::Hello { .. } | Control::Quit)));
        if about.token.is_some() && !self.is_trusted && !introduces {
            return self.refuse("NOAUTH Authentication required.");
        }
        match request {
            Err(wrong) => self.wrong(&wrong),
            Ok(Request::Act(act)) => self.act(act, *length, acts),
            Ok(Request::Control(control)) => self.control(control, about, acts),
        }
    }

    fn wrong(&mut self, wrong: &Wrong) {
        // WATCH is refused within a transaction as without: it spoils nothing
        let was_spoilt = self.transaction.as_ref().is_some_and(|transaction| transaction.is_spoilt);
        self.refuse(&wrong.to_string());
        if let (Wrong::Watch, Some(transaction)) = (wrong, &mut self.transaction) {
            transaction.is_spoilt = was_spoilt;
        }
    }

    fn act(&mut self, act: Act, length: usize, acts: &mut Vec<Act>) {
        let Some(transaction) = &mut self.transaction else {
            acts.push(act);
            self.forms.push(Form::One);
            return;
        };
        transaction.length += length;
        if transaction.length > TRANSACTION_LENGTH_MAX || transaction.acts.len() >= TRANSACTION_ACTS_MAX {
            return self.refuse("ERR the transaction is too long");
        }
        transaction.acts.push(act);
        self.say(|out| resp::simple("QUEUED", out));
    }

    fn control(&mut self, control: Control, about: &About, acts: &mut Vec<Act>) {
        let is_of_transaction = matches!(
            control,
            Control::Exec | Control::Discard | Control::Multi | Control::Unwatch | Control::Quit
        );
        if self.transaction.is_some() && !is_of_transaction {
            return self.refuse("ERR a transaction takes only what is asked of the store");
        }
        match control {
            Control::Multi => self.begin(),
            Control::Exec => self.execute(acts),
            Control::Discard => match self.transaction.take() {
                Some(_) => self.ok(),
                None => self.refuse("ERR DISCARD without MULTI"),
            },
            Control::Auth(token) => self.authenticate(&token, about),
            Control::Hello { version, token } => self.greet(version, token.as_ref(), about),
            Control::Quit => {
                self.ok();
                self.is_over = true;
            }
            other => self.answer(other, about),
        }
    }

    fn begin(&mut self) {
        if self.transaction.is_some() {
            // it goes on, as in Redis
            return self.say(|out| resp::error("ERR MULTI calls can not be nested", out));
        }
        self.transaction = Some(Transaction::default());
        self.ok();
    }

    fn execute(&mut self, acts: &mut Vec<Act>) {
        match self.transaction.take() {
            None => self.refuse("ERR EXEC without MULTI"),
            Some(Transaction { is_spoilt: true, .. }) => {
                self.refuse("EXECABORT Transaction discarded because of previous errors.");
            }
            Some(mut transaction) => {
                self.forms.push(Form::Many(transaction.acts.len()));
                acts.append(&mut transaction.acts);
            }
        }
    }

    fn ok(&mut self) {
        self.say(|out| resp::simple("OK", out));
    }

    fn authenticate(&mut self, token: &[u8], about: &About) {
        if about.token.is_none() {
            self.refuse("ERR AUTH called, but this server has no token");
        } else if about.is_token(token) {
            self.is_trusted = true;
            self.ok();
        } else {
            self.refuse("WRONGPASS invalid username-password pair or user is disabled.");
        }
    }

    fn greet(&mut self, version: Option<u8>, token: Option<&Bytes>, about: &About) {
        if let (Some(token), true) = (token, about.token.is_some()) {
            if !about.is_token(token) {
                return self.refuse("WRONGPASS invalid username-password pair or user is disabled.");
            }
            self.is_trusted = true;
        }
        if about.token.is_some() && !self.is_trusted {
            return self
                .refuse("NOAUTH HELLO must be called with the client already authenticated, or with AUTH");
        }
        match version {
            Some(3) => self.version = Version::Three,
            Some(_) => self.version = Version::Two,
            None => {}
        }
        let (version, client) = (self.version, self.client);
        self.say(|out| hello(version, client, out));
    }

    /// Answers what needs neither the store nor a change here.
    fn answer(&mut self, control: Control, about: &About) {
        let (version, client) = (self.version, self.client);
        self.say(|out| match control {
            Control::Ping(None) => resp::simple("PONG", out),
            Control::Ping(Some(word)) | Control::Echo(word) => resp::bulk(&word, out),
            Control::Info => resp::bulk(about.info.as_bytes(), out),
            Control::Commands { count: true } => resp::integer(COMMANDS, out),
            Control::Commands { count: false } => resp::array(0, out),
            Control::Config => resp::map(0, version, out),
            Control::ClientId => resp::integer(client.cast_signed(), out),
            _ => resp::simple("OK", out),
        });
    }
}

/// What HELLO is answered with.
fn hello(version: Version, client: u64, out: &mut Vec<u8>) {
    resp::map(6, version, out);
    let mut text = |key: &str, value: &str| {
        resp::bulk(key.as_bytes(), out);
        resp::bulk(value.as_bytes(), out);
    };
    text("server", "synod");
    text("version", env!("CARGO_PKG_VERSION"));
    text("mode", "standalone");
    text("role", "master");
    for (key, number) in
        [("proto", if version == Version::Three { 3 } else { 2 }), ("id", client.cast_signed())]
    {
        resp::bulk(key.as_bytes(), out);
        resp::integer(number, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::{Read, Write};

    /// What a client hears that says this, where the store answers act by act with their numbers.
    fn heard(conversation: &mut Conversation, about: &About, said: &str) -> (String, Vec<usize>) {
        let (mut out, mut batches) = (vec![], vec![]);
        conversation.take(said.as_bytes());
        while let Some(acts) = conversation.next_batch(about, &mut out) {
            batches.push(acts.len());
            let replies = (0..).zip(&acts).map(|(number, _)| Reply::Integer(number)).collect();
            conversation.ended(Ended::Answered(replies), &mut out);
        }
        (String::from_utf8(out).expect("text"), batches)
    }

    fn open(said: &str) -> (String, Vec<usize>) {
        heard(&mut Conversation::new(7), &About::default(), said)
    }

    #[test]
    fn replies_come_in_the_order_of_requests_whoever_answers_them() {
        let (out, batches) = open("PING\nGET a\nECHO x\nSET a 1\nfoo\n");
        let unknown = "-ERR unknown command 'foo', with args beginning with: \r\n";
        assert_eq!(out, format!("+PONG\r\n:0\r\n$1\r\nx\r\n:1\r\n{unknown}"));
        assert_eq!(batches, [2], "what came together goes together");
        assert_eq!(open("PING\nPING\n"), ("+PONG\r\n+PONG\r\n".to_owned(), vec![]));
    }

    #[test]
    fn what_a_page_makes_a_browser_say_is_not_obeyed() {
        let (out, batches) = open("POST / HTTP/1.1\r\nHost: x\r\n\r\nFLUSHALL\r\n");
        assert_eq!((&*out, batches), ("-ERR Protocol error: this is no server of HTTP\r\n", vec![]));
        let (out, batches) = open("GET /\r\nhost: x\r\n\r\nFLUSHALL\r\n");
        assert_eq!((out.lines().count(), batches), (2, vec![1]), "what is written behind is not");
    }

    #[test]
    fn what_is_asked_later_waits_until_what_was_asked_before_is_answered() {
        let (mut conversation, about, mut out) = (Conversation::new(0), About::default(), vec![]);
        conversation.take(b"SET a 1\n");
        assert_eq!(conversation.next_batch(&about, &mut out).map(|acts| acts.len()), Some(1));
        conversation.take(b"GET a\nPING\nQUIT\nGET b\n");
        assert_eq!(conversation.next_batch(&about, &mut out), None);
        assert!(out.is_empty() && !conversation.is_over());
        conversation.ended(Ended::Failed("ERR unknown"), &mut out);
        assert_eq!(conversation.next_batch(&about, &mut out), Some(vec![Act::Read(Read::Get("a".into()))]));
        conversation.ended(Ended::Answered(vec![Reply::Nil]), &mut out);
        assert_eq!(out, b"-ERR unknown\r\n$-1\r\n+PONG\r\n+OK\r\n");
        assert!(conversation.is_over() && !conversation.listens(), "nothing is heard after QUIT");
        assert_eq!(conversation.next_batch(&about, &mut out), None);
    }

    #[test]
    fn who_quits_hears_first_what_it_asked_before() {
        let (mut conversation, about, mut out) = (Conversation::new(0), About::default(), vec![]);
        conversation.take(b"SET a 1\nQUIT\n");
        assert!(conversation.next_batch(&about, &mut out).is_some() && !conversation.is_over());
        conversation.ended(Ended::Answered(vec![Reply::Integer(1)]), &mut out);
        assert_eq!((&out[..], conversation.is_over()), (&b":1\r\n+OK\r\n"[..], true));
    }

    #[test]
    fn a_transaction_is_executed_as_a_whole_or_not_at_all() {
        let (out, batches) = open("MULTI\nSET a 1\nINCR a\nEXEC\nMULTI\nEXEC\n");
        assert_eq!(out, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:0\r\n:1\r\n+OK\r\n*0\r\n");
        assert_eq!(batches, [2]);
        for (said, last) in [
            (
                "MULTI\nSET a 1\nSET a\nEXEC\n",
                "-EXECABORT Transaction discarded because of previous errors.\r\n",
            ),
            (
                "MULTI\nSET a 1\nfoo\nEXEC\n",
                "-EXECABORT Transaction discarded because of previous errors.\r\n",
            ),
            (
                "MULTI\nSET a 1\nPING\nEXEC\n",
                "-EXECABORT Transaction discarded because of previous errors.\r\n",
            ),
            ("MULTI\nSET a 1\nDISCARD\nEXEC\n", "-ERR EXEC without MULTI\r\n"),
            ("DISCARD\n", "-ERR DISCARD without MULTI\r\n"),
        ] {
            let (out, batches) = open(said);
            assert!(out.ends_with(last) && batches.is_empty(), "{said}: {out}");
        }
        let (out, batches) = open("MULTI\nMULTI\nWATCH k\nUNWATCH\nGET a\nEXEC\n");
        assert!(
            out.contains("nested") && out.contains("WATCH is not supported") && out.ends_with("*1\r\n:0\r\n"),
            "{out}"
        );
        assert_eq!(batches, [1], "neither spoils it");
    }

    #[test]
    fn a_transaction_is_bounded() {
        let long = format!("APPEND a {}\n", "x".repeat(60_000));
        let (out, batches) = open(&format!("MULTI\n{}EXEC\n", long.repeat(20)));
        assert!(out.contains("-ERR the transaction is too long\r\n") && batches.is_empty(), "{out}");
        let (out, batches) = open(&format!("MULTI\n{}EXEC\n", "GET a\n".repeat(TRANSACTION_ACTS_MAX + 1)));
        assert!(out.contains("-ERR the transaction is too long\r\n") && batches.is_empty());
        let (_, batches) = open(&format!("MULTI\n{}EXEC\n", "GET a\n".repeat(TRANSACTION_ACTS_MAX)));
        assert_eq!(batches, [TRANSACTION_ACTS_MAX]);
    }

    #[test]
    fn nonsense_is_told_after_what_came_before_it_and_ends_all() {
        let mut conversation = Conversation::new(0);
        let (out, _) = heard(&mut conversation, &About::default(), "GET a\n*1\r\n:1\r\nGET b\n");
        assert_eq!(out, ":0\r\n-ERR Protocol error: expected '$', got ':'\r\n");
        assert!(conversation.is_over());
    }

    #[test]
    fn who_has_no_token_is_told_nothing() {
        let about = About { token: Some(b"open sesame".to_vec()), ..About::default() };
        let mut conversation = Conversation::new(0);
        let mut hears = |said| heard(&mut conversation, &about, said);
        for said in ["GET a\n", "PING\n", "INFO\n", "MULTI\n", "foo\n"] {
            assert_eq!(hears(said), ("-NOAUTH Authentication required.\r\n".to_owned(), vec![]), "{said}");
        }
        for said in ["AUTH sesame\n", "AUTH \"open sesamo\"\n", "AUTH \"\"\n", "HELLO 3 AUTH default x\n"] {
            assert!(hears(said).0.starts_with("-WRONGPASS"), "{said}");
        }
        assert!(hears("HELLO 3\n").0.starts_with("-NOAUTH"));
        assert_eq!(hears("AUTH \"open sesame\"\nGET a\n"), ("+OK\r\n:0\r\n".to_owned(), vec![1]));
        assert!(open("AUTH x\n").0.starts_with("-ERR"));
    }

    #[test]
    fn hello_three_changes_how_nothing_is_written() {
        let (mut conversation, about, mut out) = (Conversation::new(9), About::default(), vec![]);
        let (greeting, _) = heard(&mut conversation, &about, "HELLO 3\n");
        assert!(greeting.starts_with("%6\r\n$6\r\nserver\r\n") && greeting.ends_with("$2\r\nid\r\n:9\r\n"));
        conversation.take(b"GET a\nCONFIG GET save\n");
        assert!(conversation.next_batch(&about, &mut out).is_some());
        conversation.ended(Ended::Answered(vec![Reply::Nil]), &mut out);
        assert_eq!(out, b"_\r\n%0\r\n");
    }

    #[test]
    fn who_says_much_at_once_is_heard_in_batches_and_not_for_ever() {
        let (out, batches) = open(&"SET a 1\n".repeat(BATCH_REQUESTS_MAX * 2 + 1));
        assert_eq!((out.matches(':').count(), batches), (2 * BATCH_REQUESTS_MAX + 1, vec![1024, 1024, 1]));
        let mut conversation = Conversation::new(0);
        conversation.take(b"SET a 1\n");
        assert!(conversation.next_batch(&About::default(), &mut vec![]).is_some());
        conversation.take(&vec![b'x'; INPUT_LENGTH_MAX - 1]);
        assert!(conversation.listens());
        conversation.take(b"x");
        assert!(!conversation.listens());
    }

    #[test]
    fn replies_beyond_what_is_told_at_once_say_so() {
        let (mut conversation, mut out) = (Conversation::new(0), vec![]);
        conversation.take(b"GET a\nGET a\nSET a 1\nPING\n");
        let acts = conversation.next_batch(&About::default(), &mut out).expect("a batch");
        assert!(matches!(acts[2], Act::Write(Write::Set(_))));
        let long = Reply::Bulk(vec![b'x'; OUTPUT_LENGTH_MAX].into());
        conversation.ended(Ended::Answered(vec![long, Reply::Nil, Reply::Nil]), &mut out);
        let end = String::from_utf8(out.split_off(OUTPUT_LENGTH_MAX)).expect("text");
        assert!(end.ends_with(&format!("-{LEFT_OUT}\r\n-{LEFT_OUT}\r\n+PONG\r\n")), "{end}");
    }
}
