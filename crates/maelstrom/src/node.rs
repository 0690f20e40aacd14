//! A node of Maelstrom without its streams: lines and the time in, lines out.

use crate::member::Member;
use crate::wire::{Body, Code, Fault, Message};
use crate::workload::{Asked, Caller, Workload};
use serde_json::Value;
use std::time::Duration;

/// What a node says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// To Maelstrom: a line each, without its end.
    pub lines: Vec<String>,
    /// To people: about what nobody can be answered.
    pub complaints: Vec<String>,
}

impl Said {
    pub(crate) fn send(&mut self, src: &str, dest: &str, body: Body) {
        let message = Message { src: src.to_owned(), dest: dest.to_owned(), body };
        match serde_json::to_string(&message) {
            Ok(line) => self.lines.push(line),
            Err(error) => self.complain(format!("a message to {dest} cannot be written: {error}")),
        }
    }

    pub(crate) fn reply(&mut self, src: &str, caller: Caller, mut body: Body) {
        body.insert("in_reply_to".to_owned(), caller.message);
        self.send(src, &caller.name, body);
    }

    pub(crate) fn complain(&mut self, complaint: impl Into<String>) {
        self.complaints.push(complaint.into());
    }
}

/// A node. What time it is, it is told: since some moment before it started.
#[derive(Debug)]
pub struct Node<W: Workload> {
    /// What it will do, once it is told who it is.
    starting: Option<W>,
    seed: u64,
    member: Option<Member<W>>,
}

impl<W: Workload> Node<W> {
    /// A node that has not been told who it is. Its choices follow from the seed and its name.
    pub fn new(workload: W, seed: u64) -> Self {
        Self { starting: Some(workload), seed, member: None }
    }

    /// Takes a line, which came at `now`.
    pub fn take(&mut self, line: &[u8], now: Duration) -> Said {
        let mut said = Said::default();
        if line.iter().all(u8::is_ascii_whitespace) {
            return said;
        }
        match serde_json::from_slice::<Message>(line) {
            Ok(message) => self.on_message(message, now, &mut said),
            Err(error) => said.complain(format!("no message: {error}")),
        }
        said
    }

    /// When it wants to be woken, if no line comes before.
    pub fn deadline(&self) -> Option<Duration> {
        self.member.as_ref()?.deadline()
    }

    /// Lets all timers fire that are due at `now`.
    pub fn wake(&mut self, now: Duration) -> Said {
        let mut said = Said::default();
        if let Some(member) = &mut self.member {
            member.wake(now, &mut said);
        }
        said
    }

    fn on_message(&mut self, message: Message, now: Duration, said: &mut Said) {
        let Message { src, dest, mut body } = message;
        if let Some(member) = self.member.as_mut().filter(|member| member.name() != dest) {
            return said.complain(format!("{}: a message to {dest}", member.name()));
        }
        let Some(kind) = body.get("type").and_then(Value::as_str).map(str::to_owned) else {
            return Self::refuse(&dest, src, &body, Fault::malformed("a body without a `type`"), said);
        };
        if kind == crate::member::PEER {
            let taken = match &mut self.member {
                None => Err("before `init`".to_owned()),
                Some(member) => member.hear(&src, &mut body, now, said),
            };
            if let Err(why) = taken {
                said.complain(format!("a message of {src}: {why}"));
            }
            return;
        }
        if body.contains_key("in_reply_to") {
            return said.complain(format!("{src} answers what was not asked"));
        }
        let Some(message) = body.get("msg_id").filter(|id| id.is_number()).cloned() else {
            return said.complain(format!("{src} asks `{kind}` without a `msg_id`: nobody to answer"));
        };
        let caller = Caller { name: src, message };
        let done = match (&mut self.member, kind.as_str()) {
            (_, "init") => self.on_init(&caller, &body, now, said),
            (None, _) => Err(Fault::new(Code::TemporarilyUnavailable, "not initialised yet")),
            (Some(member), kind) => {
                let node = member.name().to_owned();
                let asked = Asked { node: &node, caller: &caller, kind, body: &body };
                member.ask(&asked, now, said)
            }
        };
        if let Err(fault) = done {
            said.reply(&dest, caller, fault.body());
        }
    }

    /// Answers that a request was refused, or complains if nobody can be answered.
    fn refuse(me: &str, src: String, body: &Body, fault: Fault, said: &mut Said) {
        match body.get("msg_id").filter(|id| id.is_number()).cloned() {
            Some(message) => said.reply(me, Caller { name: src, message }, fault.body()),
            None => said.complain(format!("{src}: {fault}")),
        }
    }

    fn on_init(&mut self, caller: &Caller, body: &Body, now: Duration, said: &mut Said) -> Result<(), Fault> {
        let (name, names) = introduction(body)?;
        if let Some(member) = &self.member {
            if !member.is(&name, &names) {
                let text = format!("this is {} already, among others", member.name());
                return Err(Fault::new(Code::PreconditionFailed, text));
            }
        } else if let Some(workload) = self.starting.take() {
            self.member = Some(Member::start(workload, name.clone(), names, self.seed, now, said));
        }
        let body = [("type".to_owned(), Value::from("init_ok"))].into_iter().collect();
        said.reply(&name, caller.clone(), body);
        Ok(())
    }
}

/// Who a node is, and among whom: these in order, so that all nodes number them alike.
fn introduction(body: &Body) -> Result<(String, Vec<String>), Fault> {
    let name = body.get("node_id").and_then(Value::as_str).ok_or_else(|| Fault::malformed("no `node_id`"))?;
    let names = body.get("node_ids").and_then(Value::as_array);
    let names = names.ok_or_else(|| Fault::malformed("no `node_ids`"))?;
    let names: Option<Vec<_>> = names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
    let mut names = names.ok_or_else(|| Fault::malformed("`node_ids` has what is no name"))?;
    names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Fault::malformed("`node_ids` has a name twice"));
    }
    if !names.iter().any(|known| known == name) {
        return Err(Fault::malformed(format!("`node_ids` lacks {name}")));
    }
    Ok((name.to_owned(), names))
}
