//! Anomalies in words.

use super::anomaly::{Found, Pattern, Phenomenon};
use super::collect::{MicroOperation, Objects, Status, Transactions, What};
use super::dependencies::{Dependencies, Place};
use super::graph::{Dependency, NONE};
use super::report::{Anomaly, Involved};

/// Of a long list so many elements are shown at its end.
const SHOWN_MAX: usize = 12;

pub(super) struct Words<'a> {
    pub(super) transactions: &'a Transactions,
    pub(super) found: &'a Dependencies,
}

/// What a transaction is called: by its number in the order of invocation.
fn name(transaction: u32) -> String {
    format!("T{transaction}")
}

impl Words<'_> {
    pub(super) fn anomaly(&self, found: &Found) -> Anomaly {
        let mut involved = found.transactions.clone();
        involved.sort_unstable();
        involved.dedup();
        let involved = involved.into_iter().map(|one| self.involved(one)).collect();
        let (why, pattern) =
            if found.dependencies.is_empty() { (vec![self.fact(found)], None) } else { self.cycle(found) };
        let (phenomenon, outer) = found.kind;
        let operations = found.transactions.iter().map(|&one| one as usize).collect();
        Anomaly { phenomenon, outer, pattern, operations, why, involved }
    }

    fn involved(&self, one: u32) -> Involved {
        let transaction = self.transactions.all[one as usize];
        let mut did: Vec<_> =
            self.transactions.of(one).iter().map(|operation| self.micro(operation)).collect();
        for scan in self.transactions.scans.iter().rev().filter(|scan| scan.transaction == one) {
            did.insert(scan.at, format!("[:scan {} ..]", scan.range));
        }
        Involved {
            operation: one as usize,
            client: crate::history::Client(transaction.client),
            line: transaction.line as usize,
            end_line: (transaction.end_line > 0).then_some(transaction.end_line as usize),
            did: did.join(" "),
            ended: match transaction.status {
                Status::Committed => "committed",
                Status::Aborted => "aborted",
                Status::Unknown => "of unknown outcome",
            },
        }
    }

    fn value(&self, code: i64) -> String {
        self.transactions.names.value(code).to_string()
    }

    fn key(&self, key: u32) -> String {
        self.transactions.names.key_name(key).to_string()
    }

    fn list(&self, elements: &[i64]) -> String {
        let hidden = elements.len().saturating_sub(SHOWN_MAX);
        let mut shown: Vec<String> = elements[hidden..].iter().map(|&code| self.value(code)).collect();
        if hidden > 0 {
            shown.insert(0, "..".to_owned());
        }
        format!("[{}]", shown.join(" "))
    }

    fn micro(&self, operation: &MicroOperation) -> String {
        let key = self.key(operation.key);
        let trace =
            |length: usize| self.list(&self.transactions.traces[operation.key as usize].elements[..length]);
        let write = if self.lists() { "append" } else { "w" };
        match operation.what {
            What::Write | What::WriteIntermediate => {
                format!("[:{write} {key} {}]", self.value(operation.value))
            }
            What::ReadNothing => format!("[:r {key} nil]"),
            What::ReadValue => format!("[:r {key} {}]", self.value(operation.value)),
            What::ReadPrefix => format!("[:r {key} {}]", trace(operation.value as usize)),
            What::ReadOdd => {
                let odd = &self.transactions.odd[operation.value as usize];
                format!("[:r {key} {}]", self.list(&odd.elements))
            }
            What::ReadStrange => format!("[:r {key} ?]"),
        }
    }

    fn lists(&self) -> bool {
        self.transactions.objects == Objects::Lists
    }

    /// "T1 appended 3 to x"
    fn wrote(&self, one: u32, version: u32) -> String {
        let version = self.found.versions[version as usize];
        let (value, key) = (self.value(version.value), self.key(version.key));
        if self.lists() {
            format!("{} appended {value} to {key}", name(one))
        } else {
            format!("{} wrote {value} to {key}", name(one))
        }
    }

    /// An anomaly that is no cycle.
    fn fact(&self, found: &Found) -> String {
        let who = |index: usize| found.transactions.get(index).map_or_else(String::new, |&one| name(one));
        let key = found.key.map_or_else(String::new, |key| self.key(key));
        let value = found.value.map_or_else(String::new, |value| self.value(value));
        match found.kind.0 {
            Phenomenon::Duplicate => format!("{} read {value} twice in the list {key}", who(0)),
            Phenomenon::IncompatibleOrder => {
                format!(
                    "{} and {} read {key} as lists of which neither is the beginning of the other",
                    who(0),
                    who(1)
                )
            }
            Phenomenon::Garbage => format!("{} read {value} in {key}, which nobody wrote", who(0)),
            Phenomenon::G1a => {
                format!("{} wrote {value} to {key} and was aborted; {} read it", who(0), who(1))
            }
            Phenomenon::G1b => format!(
                "{} wrote {value} to {key}, and more to it later; {} read what it was between",
                who(0),
                who(1)
            ),
            Phenomenon::DirtyUpdate => {
                format!(
                    "{} was committed and builds on {value} in {key}, whose transaction was aborted",
                    who(0)
                )
            }
            Phenomenon::Internal => {
                format!("{} read {key} as what it cannot be after its own operations before", who(0))
            }
            Phenomenon::FutureRead => format!("{} read in {key} what it wrote later itself", who(0)),
            Phenomenon::LostUpdate | Phenomenon::LostInsert => {
                let version = found.version.map(|version| self.found.versions[version as usize]);
                let key = version.map_or_else(String::new, |version| self.key(version.key));
                let names: Vec<String> =
                    found.transactions.iter().take(SHOWN_MAX).map(|&one| name(one)).collect();
                let names = names.join(", ");
                if found.kind.0 == Phenomenon::LostUpdate {
                    format!("{names} read the same version of {key}, and all wrote to it")
                } else {
                    format!("{names} scanned and did not find {key}, and all wrote to it")
                }
            }
            phenomenon => phenomenon.name().to_owned(),
        }
    }

    /// Each edge of a cycle, and what the cycle is also called.
    fn cycle(&self, found: &Found) -> (Vec<String>, Option<Pattern>) {
        let who = &found.transactions;
        let next = |index: usize| who[(index + 1) % who.len()];
        let mut keys = vec![];
        let mut lines = vec![];
        for (index, (&one, &dependency)) in who.iter().zip(&found.dependencies).enumerate() {
            let (words, key) = self.edge(one, next(index), dependency);
            keys.push(key);
            lines.push(words);
        }
        use Dependency::{ReadWrite, WriteRead};
        let pattern = match (found.kind.0, &found.dependencies[..]) {
            (Phenomenon::G2Item, [ReadWrite, ReadWrite]) if keys[0] != keys[1] => Some(Pattern::WriteSkew),
            (Phenomenon::GNonadjacent, [ReadWrite, WriteRead, ReadWrite, WriteRead]) => {
                Some(Pattern::LongFork)
            }
            _ => None,
        };
        (lines, pattern)
    }

    fn edge(&self, one: u32, other: u32, dependency: Dependency) -> (String, Option<u32>) {
        let (first, second) = (name(one), name(other));
        let all = &self.transactions.all;
        let versions = &self.found.versions;
        let key_of = |version: u32| versions[version as usize].key;
        let words = |pair: Option<(String, u32)>, otherwise: String| {
            pair.map_or((otherwise, None), |(words, key)| (words, Some(key)))
        };
        match dependency {
            Dependency::WriteRead => {
                let read =
                    self.found.reads.of(other).iter().find(|&&read| versions[read as usize].writer == one);
                let said = read
                    .map(|&read| (format!("{}, which {second} read", self.wrote(one, read)), key_of(read)));
                words(said, format!("{second} saw what {first} wrote"))
            }
            Dependency::WriteWrite => {
                let pair = self.pair(self.found.writes.of(one), self.found.writes.of(other));
                let said = pair.map(|(before, after)| {
                    let (before_words, after_words) = (self.wrote(one, before), self.wrote(other, after));
                    (format!("{before_words} before {after_words}"), key_of(after))
                });
                words(said, format!("{first} wrote before {second}"))
            }
            Dependency::ReadWrite => {
                let pair = self.pair(self.found.reads.of(one), self.found.writes.of(other));
                let said =
                    pair.map(|(read, written)| (self.anti(one, other, read, written), key_of(written)));
                words(said, format!("{first} did not see what {second} wrote"))
            }
            Dependency::Phantom => {
                let pair = self.pair(self.found.missed.of(one), self.found.writes.of(other));
                let said = pair.map(|(read, written)| {
                    let key = versions[read as usize].key;
                    let wrote = self.wrote(other, written);
                    (format!("{first} scanned and did not find {}, and {wrote}", self.key(key)), key)
                });
                words(said, format!("{first} scanned and did not find what {second} wrote"))
            }
            Dependency::WriteWriteInSession | Dependency::WriteWriteInTime => {
                let pair = self.met(self.found.writes.of(one), self.found.writes.of(other), dependency);
                let said = pair.map(|(before, after)| {
                    let (before_words, after_words) = (self.wrote(one, before), self.wrote(other, after));
                    let met = self.met_by(dependency, (before, after));
                    (format!("{before_words} before {after_words}: {met}"), key_of(after))
                });
                words(said, format!("{first} wrote before {second}"))
            }
            Dependency::ReadWriteInSession | Dependency::ReadWriteInTime => {
                let pair = self.met(self.found.reads.of(one), self.found.writes.of(other), dependency);
                let said = pair.map(|(read, written)| {
                    let anti = self.anti(one, other, read, written);
                    (format!("{anti}: {}", self.met_by(dependency, (read, written))), key_of(written))
                });
                words(said, format!("{first} did not see what {second} wrote"))
            }
            Dependency::Session => {
                (format!("{} did {first} before {second}", crate::Client(all[one as usize].client)), None)
            }
            Dependency::RealTime | Dependency::Through => {
                let (returned, invoked) = (all[one as usize].end_line, all[other as usize].line);
                (format!("{first} was over (line {returned}) before {second} began (line {invoked})"), None)
            }
        }
    }

    /// Why of two versions that were met one is the later.
    fn met_by(&self, dependency: Dependency, (before, after): (u32, u32)) -> String {
        if matches!(dependency, Dependency::WriteWriteInSession | Dependency::ReadWriteInSession) {
            return "a client met the one before the other".to_owned();
        }
        let (found, all) = (self.found, &self.transactions.all);
        let who = |version: u32| {
            let meets = move |&one: &u32| {
                let one_met = found.reads.of(one).iter().chain(found.writes.of(one));
                found.present[one as usize] && one_met.into_iter().any(|&met| met == version)
            };
            (0..all.len() as u32).filter(meets)
        };
        let through =
            who(before).min_by_key(|&one| all[one as usize].returned).map_or_else(String::new, name);
        let begun = who(after).max_by_key(|&one| all[one as usize].invoked).map_or_else(String::new, name);
        format!("{through} was through with the one before {begun} began, which met the other")
    }

    /// Two versions of a key that were met one after the other.
    fn met(&self, before: &[u32], after: &[u32], by: Dependency) -> Option<(u32, u32)> {
        let in_session = matches!(by, Dependency::WriteWriteInSession | Dependency::ReadWriteInSession);
        let met = &self.found.met[usize::from(!in_session)];
        let mut pairs = before.iter().flat_map(|&one| after.iter().map(move |&other| (one, other)));
        pairs.find(|pair| met.binary_search(pair).is_ok())
    }

    /// Two versions of a key of which the second is the later one; as near to each other as there are.
    fn pair(&self, before: &[u32], after: &[u32]) -> Option<(u32, u32)> {
        let versions = &self.found.versions;
        let pairs = before.iter().flat_map(|&one| after.iter().map(move |&other| (one, other)));
        pairs
            .filter(|&(one, other)| {
                versions[one as usize].key == versions[other as usize].key && self.found.later(one, other)
            })
            .min_by_key(|&(one, other)| other.abs_diff(one))
    }

    fn anti(&self, one: u32, other: u32, read: u32, written: u32) -> String {
        let version = self.found.versions[read as usize];
        let key = self.key(version.key);
        let wrote = self.wrote(other, written);
        let seen = match version.place {
            _ if version.writer == NONE && version.place == Place::Rank(0) => {
                return format!("{} read {key} before anything was written to it, and {wrote}", name(one));
            }
            Place::Rank(rank) if self.lists() => {
                self.list(&self.transactions.traces[version.key as usize].elements[..rank as usize])
            }
            _ => self.value(version.value),
        };
        format!("{} read {key} as {seen}, and {wrote} after that", name(one))
    }
}
