//! What a ground reports, the same for all three, and without the algorithm's types.

use crate::exit::Exit;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::time::Duration;
use synod_kernel::Diagnostic;
use synod_properties::{GroundKind, Kind, Property, Verdict};

/// What a ground reports.
#[derive(Clone, Debug)]
pub struct Report {
    /// The algorithm, with its broken twin: "paxos/no-nack".
    pub algorithm: String,
    /// Which ground.
    pub ground: GroundKind,
    /// The environment in words.
    pub world: String,
    /// Each property with its verdict.
    pub verdicts: Vec<(Property, Verdict)>,
    /// What the verdicts cover, in words: "complete, 16,668 states".
    pub scope: String,
    /// The same in numbers.
    pub numbers: Map<String, Value>,
    /// What was not explored, not judged, or had no effect.
    pub notes: Vec<String>,
    /// The ways in which the environment is outside of the model.
    pub outside: Vec<Diagnostic>,
    /// Whether the run that breaks a property was outside the model when it did: then it refutes nothing.
    pub excused: bool,
    /// Why it is inconclusive, if it is.
    pub inconclusive: Vec<String>,
    /// How a state was known again, and at which expense, where states were.
    pub known: String,
    /// What was asked besides, and what is known of it from elsewhere.
    pub answers: Vec<Answer>,
    /// The properties that are broken, each with a run that breaks it.
    pub failures: Vec<Failure>,
    /// Whether the user interrupted it.
    pub interrupted: bool,
    /// The same choices had other consequences: what differs.
    pub nondeterminism: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
    /// What of the algorithm and of its environment no run came to, where that is known.
    pub unreached: Option<Vec<String>>,
}

/// A number that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What of: "states".
    pub name: String,
    /// It, for people: "296,448".
    pub found: String,
    /// It, for programs.
    pub value: Value,
    /// How far it may be off, where it is not exact.
    pub precision: String,
    /// What is known of it from elsewhere.
    pub published: Option<Published>,
}

/// What is known of a number from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// It, with its noun: "296,448 states".
    pub number: String,
    /// Whether what was found is equal to it.
    pub equal: bool,
}

/// A property that is broken, with the run that breaks it.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The property's identifier.
    pub property: String,
    /// Its name.
    pub name: String,
    /// How it is broken.
    pub what: String,
    /// The last step of the run.
    pub step: u64,
    /// Its instant, where the ground has a clock.
    pub at: Option<Duration>,
    /// The run, a line a step.
    pub story: Vec<StoryLine>,
    /// The run as text, where it is not one of processes that take steps.
    pub text: Vec<String>,
    /// The trace.
    pub trace: Trace,
    /// The seed that makes the run again, as it was found.
    pub seed: Option<u64>,
    /// How it was made small, if it was.
    pub shrunk: Option<Shrunk>,
    /// How long its messages are under way, where it was made small.
    pub delays: Option<String>,
}

/// How a run was made small: each pair is before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// Its processes, where they are fewer.
    pub processes: Option<(u32, u32)>,
    /// Its steps.
    pub events: (u64, u64),
    /// The faults among them.
    pub faults: (u64, u64),
    /// How many attempts that took.
    pub attempts: u64,
    /// Which of what is left is known to be necessary.
    pub necessary: Necessary,
    /// How long it took.
    pub elapsed: Duration,
}

/// What of a small run is known to be necessary: without any one of them it passes. Each was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Necessary {
    /// Each event.
    Event,
    /// Each fault and each request: all else follows.
    Chosen,
    /// Each fault and each request that the seed plans.
    Planned,
    /// It was not tried to the end.
    Unknown,
}

impl Shrunk {
    /// In a line.
    pub fn line(&self) -> String {
        let (before, after) = self.events;
        let mut line = format!("shrunk {} → {}", grouped(before), count(after, "event", "events"));
        if self.faults.0 > 0 {
            let (before, after) = self.faults;
            let _ = write!(line, ", {} → {}", grouped(before), count(after, "fault", "faults"));
        }
        if let Some((before, after)) = self.processes {
            let _ = write!(line, ", {before} → {after} processes");
        }
        let necessary = match self.necessary {
            Necessary::Event => "; removing any one event makes it pass".to_owned(),
            Necessary::Chosen => "; removing any one fault or request makes it pass".to_owned(),
            Necessary::Planned => "; without any one fault or request of its plan it passes".to_owned(),
            Necessary::Unknown => {
                format!(
                    "; a smaller run may break it too: given up after {}",
                    count(self.attempts, "attempt", "attempts")
                )
            }
        };
        format!("{line} (in {}){necessary}", seconds(self.elapsed))
    }
}

/// A trace, and where it is.
#[derive(Clone, Debug)]
pub enum Trace {
    /// Its content, not written yet.
    Content(String),
    /// A file with it, and how it is looked at: the command to type.
    File(String),
    /// None: the same command finds the same run again.
    Again,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryLine {
    /// Its number.
    pub step: u64,
    /// Its instant, where the ground has a clock.
    pub at: Option<Duration>,
    /// The kind of event.
    pub glyph: char,
    /// Where it happens: a process, or a link.
    pub place: String,
    /// What happens.
    pub what: String,
    /// What the process tells the layer above.
    pub tells: Vec<String>,
    /// What it stores.
    pub stores: Vec<String>,
    /// Whether the run needs it to break what it breaks, where that was tried.
    pub necessary: Option<bool>,
}

impl Report {
    /// A report that says nothing yet.
    pub fn empty(algorithm: String, ground: GroundKind, world: String) -> Self {
        Self {
            algorithm,
            ground,
            world,
            verdicts: Vec::new(),
            scope: String::new(),
            numbers: Map::new(),
            notes: Vec::new(),
            outside: Vec::new(),
            excused: false,
            inconclusive: Vec::new(),
            known: String::new(),
            answers: Vec::new(),
            failures: Vec::new(),
            interrupted: false,
            nondeterminism: None,
            elapsed: Duration::ZERO,
            unreached: None,
        }
    }

    /// How it ends.
    pub fn exit(&self) -> Exit {
        let violated = self.violated() && !self.excused;
        if self.nondeterminism.is_some() {
            Exit::Nondeterminism
        } else if violated || (!self.failures.is_empty() && !self.excused) || self.differs() {
            Exit::Violation
        } else if self.interrupted {
            Exit::Interrupted
        } else if !self.why_inconclusive().is_empty() {
            Exit::Inconclusive
        } else {
            Exit::Holds
        }
    }

    /// Whether a property is violated, inside the model or outside.
    pub fn violated(&self) -> bool {
        self.verdicts.iter().any(|(property, verdict)| {
            property.kind != Kind::Reachable && matches!(verdict, Verdict::Violated { .. })
        })
    }

    /// Whether a number is not the one that is known from elsewhere.
    pub fn differs(&self) -> bool {
        self.answers.iter().any(|a| a.published.as_ref().is_some_and(|known| !known.equal))
    }

    /// What two explorations of one algorithm, in different worlds, say together.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        for (property, verdict) in other.verdicts {
            match self.verdicts.iter_mut().find(|(p, _)| p.id == property.id) {
                Some((_, mine)) => {
                    if mine.is_vacuous() != verdict.is_vacuous() {
                        self.notes.push(format!(
                            "{} {}: judged in one of these worlds",
                            property.id, property.name
                        ));
                    }
                    *mine = together(property.kind, mine.clone(), verdict);
                }
                None => self.verdicts.push((property, verdict)),
            }
        }
        self.world = format!("{}  and  {}", self.world, other.world);
        self.scope = format!("{}; and {}", self.scope, other.scope);
        for (name, value) in other.numbers {
            let mine = self.numbers.remove(&name).unwrap_or(Value::Null);
            self.numbers.insert(name, sum(mine, value));
        }
        // what is said of both is said once
        let mut notes = other.notes;
        notes.retain(|note| !self.notes.contains(note));
        self.notes.append(&mut notes);
        self.inconclusive.extend(other.inconclusive);
        self.excused &= other.excused;
        if self.known != other.known {
            self.known = format!("{}; and {}", self.known, other.known);
        }
        self.failures.extend(other.failures);
        self.interrupted |= other.interrupted;
        self.nondeterminism = self.nondeterminism.or(other.nondeterminism);
        self.elapsed += other.elapsed;
        self.unreached = self.unreached.zip(other.unreached).map(|(mut mine, theirs)| {
            mine.retain(|unreached| theirs.contains(unreached));
            mine
        });
        self
    }

    /// What no run came to, in a line.
    pub fn not_covered(&self) -> Option<String> {
        const SHOWN: usize = 8;
        let unreached = self.unreached.as_deref().filter(|unreached| !unreached.is_empty())?;
        let mut shown = unreached.to_vec();
        if let Some(more) = unreached.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            shown.truncate(SHOWN);
            shown.push(format!("and {more} more"));
        }
        // simulations are samples
        let is_part =
            self.ground == GroundKind::Sim || self.numbers.get("complete") == Some(&Value::Bool(false));
        let so_far = if is_part { " so far" } else { "" };
        Some(format!("not covered{so_far}: {}", shown.join("; ")))
    }

    /// Why it is neither green nor red, if so.
    pub fn why_inconclusive(&self) -> Vec<String> {
        let mut why = self.inconclusive.clone();
        for (property, verdict) in &self.verdicts {
            match (property.kind, verdict) {
                (_, Verdict::Holds) | (Kind::Safety | Kind::Liveness, Verdict::Violated { .. }) => {}
                (Kind::Reachable, Verdict::Violated { .. }) => {
                    why.push(format!("vacuous: no run reaches the goal \"{}\"", property.name));
                }
                (_, Verdict::Unknown { why: reason }) => {
                    why.push(format!("{} {}: {reason}", property.id, property.name));
                }
            }
        }
        if !self.outside.is_empty() {
            let codes: Vec<_> = self.outside.iter().map(|d| d.code.name()).collect();
            why.push(format!("outside of the model ({}): nothing is promised there", codes.join(", ")));
        }
        why
    }
}

/// What two explorations say of one property: what is broken in one is broken, what is reached in one is reached, and
/// one in which nothing was owed says nothing.
fn together(kind: Kind, one: Verdict, other: Verdict) -> Verdict {
    let rank = |verdict: &Verdict| match (kind, verdict) {
        (Kind::Reachable, Verdict::Holds) => 4,
        (_, Verdict::Violated { .. }) => 3,
        (_, verdict) if verdict.is_vacuous() => 0,
        (_, Verdict::Unknown { .. }) => 2,
        (_, Verdict::Holds) => 1,
    };
    if rank(&other) > rank(&one) { other } else { one }
}

/// Counts are added; what must hold of all must hold of both.
fn sum(one: Value, other: Value) -> Value {
    match (one.as_u64(), other.as_u64()) {
        (Some(a), Some(b)) => (a + b).into(),
        _ => match (one.as_bool(), other.as_bool()) {
            (Some(a), Some(b)) => (a && b).into(),
            _ => other,
        },
    }
}

/// The ground's name: the command's.
pub const fn ground_name(ground: GroundKind) -> &'static str {
    match ground {
        GroundKind::Check => "check",
        GroundKind::Sim => "sim",
        GroundKind::Run => "run",
    }
}

/// A number for people: 1,194,428.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A duration for people: 312 ms, 4.1 s.
pub fn seconds(duration: Duration) -> String {
    match duration.as_millis() {
        0 => format!("{} us", duration.as_micros()),
        ms @ 1..1000 => format!("{ms} ms"),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn report(verdicts: Vec<(Property, Verdict)>) -> Report {
        Report { verdicts, ..Report::empty("a".to_owned(), GroundKind::Check, String::new()) }
    }

    fn violated() -> Verdict {
        Verdict::Violated { what: "so".to_owned() }
    }

    #[test]
    fn a_goal_that_is_never_reached_is_inconclusive_and_a_broken_property_a_violation() {
        let safety = Property::safety("S", "safety");
        let goal = Property::reachable("G", "goal");
        assert_eq!(report(vec![(safety, Verdict::Holds), (goal, Verdict::Holds)]).exit(), Exit::Holds);
        assert_eq!(report(vec![(safety, Verdict::Holds), (goal, violated())]).exit(), Exit::Inconclusive);
        assert_eq!(report(vec![(safety, violated()), (goal, violated())]).exit(), Exit::Violation);
    }

    #[test]
    fn an_interrupted_ground_that_found_nothing_is_interrupted() {
        let safety = Property::safety("S", "safety");
        let mut interrupted = report(vec![(safety, Verdict::Unknown { why: "stopped".to_owned() })]);
        interrupted.interrupted = true;
        assert_eq!(interrupted.exit(), Exit::Interrupted);
        interrupted.verdicts = vec![(safety, violated())];
        assert_eq!(interrupted.exit(), Exit::Violation);
    }

    #[test]
    fn what_one_exploration_refutes_is_refuted_and_what_one_reaches_is_reached() {
        let safety = Property::safety("S", "safety");
        let goal = Property::reachable("G", "goal");
        let mut one = report(vec![(safety, Verdict::Holds), (goal, violated())]);
        let mut other = report(vec![(safety, violated()), (goal, Verdict::Holds)]);
        one.numbers.insert("states".to_owned(), 3.into());
        one.numbers.insert("complete".to_owned(), true.into());
        other.numbers.insert("states".to_owned(), 4.into());
        other.numbers.insert("complete".to_owned(), false.into());
        let both = one.with(other);
        assert_eq!(both.verdicts, [(safety, violated()), (goal, Verdict::Holds)]);
        assert_eq!(both.numbers["states"], 7);
        assert_eq!(both.numbers["complete"], false);
    }

    #[test]
    fn what_is_not_covered_is_one_line_and_nothing_where_all_is() {
        let with = |unreached: &[&str]| {
            let mut report = report(Vec::new());
            report.unreached = Some(unreached.iter().map(ToString::to_string).collect());
            report
        };
        assert_eq!(report(Vec::new()).not_covered(), None);
        assert_eq!(with(&[]).not_covered(), None);
        let mut dead = with(&["message `Nack` never sent", "timer `Retry` never set"]);
        let line = "not covered: message `Nack` never sent; timer `Retry` never set";
        assert_eq!(dead.not_covered().unwrap(), line);
        dead.numbers.insert("complete".to_owned(), false.into());
        assert!(dead.not_covered().unwrap().starts_with("not covered so far: message"));
        assert!(with(&["x"; 10]).not_covered().unwrap().ends_with("x; and 2 more"));
        let both = dead.with(with(&["timer `Retry` never set", "loss granted, never possible"]));
        assert_eq!(both.unreached.unwrap(), ["timer `Retry` never set"], "the other came to the rest");
    }

    #[test]
    fn a_number_that_is_not_the_published_one_is_a_violation() {
        let mut found = report(vec![(Property::safety("S", "safety"), Verdict::Holds)]);
        let published = |equal| Some(Published { number: "7 states".to_owned(), equal });
        let (found_, precision) = ("7".to_owned(), String::new());
        let answer = Answer {
            name: "states".to_owned(),
            found: found_,
            value: 7.into(),
            precision,
            published: published(true),
        };
        found.answers = vec![answer.clone()];
        assert_eq!(found.exit(), Exit::Holds);
        found.answers.push(Answer { published: published(false), ..answer });
        assert_eq!(found.exit(), Exit::Violation);
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_194_428), "1,194,428");
        assert_eq!(count(1, "state", "states"), "1 state");
        assert_eq!(seconds(Duration::from_millis(312)), "312 ms");
    }
}
