//! What befalls a cluster, in the words that the command line, experiment files and reports have for it.

use crate::clock::{Jump, RATES};
use crate::proxy::{Rule, Way};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use synod_model::{ProcessId, duration};

/// What befalls a cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// `kill -9`.
    Kill(ProcessId),
    /// Starts a killed node again.
    Restart(ProcessId),
    /// Stops the OS process, with all that it knows.
    Pause(ProcessId),
    /// Lets it go on.
    Resume(ProcessId),
    /// Cuts a link, one way.
    Cut(ProcessId, ProcessId),
    /// Heals it, and all that was done to it.
    Heal(ProcessId, ProcessId),
    /// Cuts all links from a process.
    Mute(ProcessId),
    /// Heals them.
    Unmute(ProcessId),
    /// Cuts the links between groups, both ways. Who is in none of them speaks with all.
    Partition(Vec<BTreeSet<ProcessId>>),
    /// Cuts the links from the ones to the others.
    OneWay(BTreeSet<ProcessId>, BTreeSet<ProcessId>),
    /// What passes is late, by so much at least and at most.
    Delay(Links, Duration, Duration),
    /// What passes is lost, with this probability.
    Loss(Links, f64),
    /// Datagrams pass twice, with this probability.
    Duplicate(Links, f64),
    /// Sets a clock: a jump, and how fast it goes from then on.
    Skew(ProcessId, Jump, f64),
    /// The network is as it was, and clocks go as they should.
    HealAll,
    /// The process is started elsewhere, with the same volume or with none.
    Replace(ProcessId, Volume),
}

/// What a process that is replaced finds on its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volume {
    /// What its predecessor left.
    Kept,
    /// Nothing.
    Lost,
}

/// Some of the links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Links {
    /// All of them.
    All,
    /// Those to and from a process.
    Of(ProcessId),
    /// From the ones to the others.
    From(BTreeSet<ProcessId>, BTreeSet<ProcessId>),
    /// Between groups, both ways.
    Between(Vec<BTreeSet<ProcessId>>),
}

impl Links {
    /// The ways that these are, among `count` processes.
    pub fn ways(&self, count: usize) -> BTreeSet<Way> {
        let all = (0..count as u32).map(ProcessId);
        let pairs = all.clone().flat_map(|p| all.clone().filter(move |&q| q != p).map(move |q| (p, q)));
        pairs.filter(|&way| self.contains(way)).collect()
    }

    fn contains(&self, (p, q): Way) -> bool {
        let group = |groups: &[BTreeSet<ProcessId>], p| groups.iter().position(|group| group.contains(&p));
        match self {
            Self::All => true,
            Self::Of(of) => p == *of || q == *of,
            Self::From(from, to) => from.contains(&p) && to.contains(&q),
            Self::Between(groups) => match (group(groups, p), group(groups, q)) {
                (Some(a), Some(b)) => a != b,
                _ => false,
            },
        }
    }

    fn processes(&self) -> BTreeSet<ProcessId> {
        match self {
            Self::All => BTreeSet::new(),
            Self::Of(p) => BTreeSet::from([*p]),
            Self::From(from, to) => from | to,
            Self::Between(groups) => groups.iter().flatten().copied().collect(),
        }
    }
}

/// What a fault does to each of the ways that it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Nothing passes.
    Cut,
    /// It is no longer cut; what else is done to it stays.
    Mend,
    /// Nothing is done to it.
    Clear,
    /// What passes is late, by so much at least and at most.
    Delay(Duration, Duration),
    /// What passes is lost, with this probability.
    Loss(f64),
    /// Datagrams pass twice, with this probability.
    Duplicate(f64),
}

impl Change {
    /// Changes what is done to a way.
    pub fn apply(self, rule: &mut Rule) {
        match self {
            Self::Cut => rule.held = true,
            Self::Mend => rule.held = false,
            Self::Clear => *rule = Rule::default(),
            Self::Delay(least, most) => {
                (rule.delay, rule.jitter) = (least, most.saturating_sub(least));
            }
            Self::Loss(probability) => rule.loss = probability,
            Self::Duplicate(probability) => rule.duplication = probability,
        }
    }
}

impl Fault {
    /// What it does to the network of `count` processes: to which ways, and what.
    pub fn on_links(&self, count: usize) -> Option<(BTreeSet<Way>, Change)> {
        let from = |p| Links::All.ways(count).into_iter().filter(|way| way.0 == p).collect();
        Some(match self {
            Self::Cut(from, to) => (BTreeSet::from([(*from, *to)]), Change::Cut),
            Self::Heal(from, to) => (BTreeSet::from([(*from, *to)]), Change::Clear),
            Self::Mute(p) => (from(*p), Change::Cut),
            Self::Unmute(p) => (from(*p), Change::Mend),
            Self::Partition(groups) => (Links::Between(groups.clone()).ways(count), Change::Cut),
            Self::OneWay(from, to) => (Links::From(from.clone(), to.clone()).ways(count), Change::Cut),
            Self::Delay(links, least, most) => (links.ways(count), Change::Delay(*least, *most)),
            Self::Loss(links, probability) => (links.ways(count), Change::Loss(*probability)),
            Self::Duplicate(links, probability) => (links.ways(count), Change::Duplicate(*probability)),
            Self::HealAll => (Links::All.ways(count), Change::Clear),
            Self::Kill(_)
            | Self::Restart(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Skew(..)
            | Self::Replace(..) => return None,
        })
    }

    /// The processes that it names.
    pub fn processes(&self) -> BTreeSet<ProcessId> {
        match self {
            Self::Kill(p)
            | Self::Restart(p)
            | Self::Pause(p)
            | Self::Resume(p)
            | Self::Mute(p)
            | Self::Unmute(p)
            | Self::Skew(p, ..)
            | Self::Replace(p, _) => BTreeSet::from([*p]),
            Self::Cut(p, q) | Self::Heal(p, q) => BTreeSet::from([*p, *q]),
            Self::Partition(groups) => groups.iter().flatten().copied().collect(),
            Self::OneWay(from, to) => from | to,
            Self::Delay(links, ..) | Self::Loss(links, _) | Self::Duplicate(links, _) => links.processes(),
            Self::HealAll => BTreeSet::new(),
        }
    }
}

fn set(f: &mut fmt::Formatter<'_>, processes: &BTreeSet<ProcessId>) -> fmt::Result {
    let all: Vec<_> = processes.iter().map(|p| p.0.to_string()).collect();
    f.write_str(&all.join(","))
}

fn sets(f: &mut fmt::Formatter<'_>, groups: &[BTreeSet<ProcessId>]) -> fmt::Result {
    for (number, group) in groups.iter().enumerate() {
        f.write_str(if number > 0 { " | " } else { "" })?;
        set(f, group)?;
    }
    Ok(())
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Of(p) => write!(f, " {}", p.0),
            Self::From(from, to) => {
                f.write_str(" ")?;
                set(f, from)?;
                f.write_str(" -> ")?;
                set(f, to)
            }
            Self::Between(groups) => {
                f.write_str(" ")?;
                sets(f, groups)
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(p) => write!(f, "kill {}", p.0),
            Self::Restart(p) => write!(f, "restart {}", p.0),
            Self::Pause(p) => write!(f, "pause {}", p.0),
            Self::Resume(p) => write!(f, "resume {}", p.0),
            Self::Cut(from, to) => write!(f, "cut {} -> {}", from.0, to.0),
            Self::Heal(from, to) => write!(f, "heal {} -> {}", from.0, to.0),
            Self::Mute(p) => write!(f, "mute {}", p.0),
            Self::Unmute(p) => write!(f, "unmute {}", p.0),
            Self::Partition(groups) => {
                f.write_str("partition ")?;
                sets(f, groups)
            }
            Self::OneWay(from, to) => {
                f.write_str("partition ")?;
                set(f, from)?;
                f.write_str(" -> ")?;
                set(f, to)
            }
            Self::Delay(links, least, most) if least == most => {
                write!(f, "delay {}{links}", duration::format(*least))
            }
            Self::Delay(links, least, most) => {
                write!(f, "delay {}..{}{links}", duration::format(*least), duration::format(*most))
            }
            Self::Loss(links, probability) => write!(f, "loss {}%{links}", probability * 100.0),
            Self::Duplicate(links, probability) => write!(f, "duplicate {}%{links}", probability * 100.0),
            Self::Skew(p, jump, rate) => {
                write!(f, "skew {}", p.0)?;
                if !jump.by.is_zero() {
                    write!(f, " {jump}")?;
                }
                if (rate - 1.0).abs() > f64::EPSILON || jump.by.is_zero() {
                    write!(f, " x{rate}")?;
                }
                Ok(())
            }
            Self::HealAll => f.write_str("heal"),
            Self::Replace(p, Volume::Kept) => write!(f, "replace {}", p.0),
            Self::Replace(p, Volume::Lost) => write!(f, "replace {} without volume", p.0),
        }
    }
}

/// The words that a fault begins with.
pub const WORDS: [&str; 14] = [
    "kill",
    "restart",
    "pause",
    "resume",
    "partition",
    "cut",
    "mute",
    "unmute",
    "delay",
    "loss",
    "duplicate",
    "skew",
    "heal",
    "replace",
];

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // arrows and bars stand alone, whatever spaces are around them; each has a word that no shell takes for its own
        let spaced = text.replace("->", " to ").replace(['|', '/'], " and ");
        let words: Vec<_> = spaced.split_whitespace().collect();
        let (&verb, rest) = words.split_first().ok_or("no fault is named")?;
        let only = || match rest {
            [p] => process(p),
            _ => Err(format!("{verb} takes one process, as in `{verb} 2`")),
        };
        Ok(match verb {
            "kill" => Self::Kill(only()?),
            "restart" => Self::Restart(only()?),
            "pause" => Self::Pause(only()?),
            "resume" => Self::Resume(only()?),
            "mute" => Self::Mute(only()?),
            "unmute" => Self::Unmute(only()?),
            "cut" => match links(rest)? {
                Links::From(from, to) => Self::OneWay(from, to),
                _ => return Err("cut takes two processes, as in `cut 0 -> 1`".to_owned()),
            },
            "partition" => match links(rest)? {
                Links::Between(groups) => Self::Partition(groups),
                Links::From(from, to) => Self::OneWay(from, to),
                Links::All | Links::Of(_) => return Err(PARTITION.to_owned()),
            },
            "delay" => {
                let (least, most, rest) = delay(rest)?;
                Self::Delay(links(rest)?, least, most)
            }
            "loss" => Self::Loss(links(&rest[1.min(rest.len())..])?, probability(verb, rest.first())?),
            "duplicate" => {
                Self::Duplicate(links(&rest[1.min(rest.len())..])?, probability(verb, rest.first())?)
            }
            "skew" => skew(rest)?,
            "heal" => match links(rest)? {
                Links::All => Self::HealAll,
                Links::From(from, to) if from.len() == 1 && to.len() == 1 => {
                    Self::Heal(*from.first().expect("one"), *to.first().expect("one"))
                }
                _ => return Err("heal takes nothing, or one way, as in `heal 0 -> 1`".to_owned()),
            },
            "replace" => match rest {
                [p] => Self::Replace(process(p)?, Volume::Kept),
                [p, "without", "volume"] => Self::Replace(process(p)?, Volume::Lost),
                _ => return Err("replace takes a process, as in `replace 2 without volume`".to_owned()),
            },
            _ => return Err(format!("{verb:?} is no fault: {} are", WORDS.join(", "))),
        })
    }
}

const PARTITION: &str =
    "a partition has two sides, as in `partition 0 | 1,2`, or `partition 0 -> 1,2` for one way";

fn process(word: &str) -> Result<ProcessId, String> {
    let number = word.strip_prefix('p').unwrap_or(word);
    let number = number.parse().map(ProcessId);
    number.map_err(|_| format!("{word:?} is no process: they are called 0, 1, .. or p0, p1, .."))
}

fn processes(words: &[&str]) -> Result<BTreeSet<ProcessId>, String> {
    let all = words.iter().flat_map(|word| word.split(',')).filter(|word| !word.is_empty());
    let all: BTreeSet<_> = all.map(process).collect::<Result<_, _>>()?;
    if all.is_empty() { Err(PARTITION.to_owned()) } else { Ok(all) }
}

fn links(words: &[&str]) -> Result<Links, String> {
    if words.is_empty() {
        return Ok(Links::All);
    }
    let disjoint = |sides: &[BTreeSet<ProcessId>]| {
        let (all, each) =
            (sides.iter().flatten().collect::<BTreeSet<_>>().len(), sides.iter().map(BTreeSet::len));
        if all == each.sum::<usize>() { Ok(()) } else { Err("a process is on one side alone".to_owned()) }
    };
    if words.contains(&"to") {
        let sides: Vec<_> = words.split(|word| *word == "to").map(processes).collect::<Result<_, _>>()?;
        disjoint(&sides)?;
        let [from, to] = <[_; 2]>::try_from(sides).map_err(|_| "there is one arrow at most".to_owned())?;
        return Ok(Links::From(from, to));
    }
    if words.contains(&"and") {
        let groups: Vec<_> = words.split(|word| *word == "and").map(processes).collect::<Result<_, _>>()?;
        disjoint(&groups)?;
        return Ok(Links::Between(groups));
    }
    match words {
        [p] => process(p).map(Links::Of),
        _ => Err("links are those of a process (`2`), from some to others (`0 -> 1`) or between groups (`0 | 1,2`)".to_owned()),
    }
}

fn delay<'a, 'b>(words: &'a [&'b str]) -> Result<(Duration, Duration, &'a [&'b str]), String> {
    let (span, rest) = words.split_first().ok_or("delay takes a duration, as in `delay 20ms..50ms`")?;
    let (least, most) = span.split_once("..").unwrap_or((span, span));
    let (least, most) = (duration::parse(least)?, duration::parse(most)?);
    if least > most || most == Duration::MAX {
        return Err(format!("{span}: write the least first, and no end of time"));
    }
    Ok((least, most, rest))
}

fn probability(verb: &str, word: Option<&&str>) -> Result<f64, String> {
    let wrong = || format!("{verb} takes a probability from 0 to 1 or in percent, as in `{verb} 5%`");
    let word = word.ok_or_else(wrong)?;
    let value = match word.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
        None => word.parse(),
    };
    value.ok().filter(|value| (0.0..=1.0).contains(value)).ok_or_else(wrong)
}

fn skew(words: &[&str]) -> Result<Fault, String> {
    let wrong = "skew takes a process and a jump, a rate or both, as in `skew 2 +500ms x1.05`";
    let (p, settings) = words.split_first().ok_or(wrong)?;
    let (mut jump, mut rate) = (Jump::default(), 1.0);
    if settings.is_empty() {
        return Err(wrong.to_owned());
    }
    for word in settings {
        match word.strip_prefix('x') {
            None => jump = word.parse()?,
            Some(number) => {
                rate = number.parse().ok().filter(|rate| RATES.contains(rate)).ok_or_else(|| {
                    format!("a clock goes {} to {} times as fast, as in x1.05", RATES.start(), RATES.end())
                })?;
            }
        }
    }
    Ok(Fault::Skew(process(p)?, jump, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_read_back_from_their_own_words() {
        for text in [
            "kill 2",
            "restart 2",
            "pause 0",
            "resume 0",
            "partition 1 | 2,3",
            "partition 0 | 1 | 2,3",
            "partition 0 -> 1,2",
            "mute 1",
            "unmute 1",
            "delay 20ms",
            "delay 20ms..50ms 0 -> 1",
            "delay 5ms 2",
            "loss 5% 0 | 1,2",
            "duplicate 25%",
            "skew 1 +2s",
            "skew 1 -500ms x1.05",
            "skew 1 x0.5",
            "heal",
            "heal 0 -> 1",
            "replace 2",
            "replace 2 without volume",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        let same = |a: &str, b: &str| assert_eq!(a.parse::<Fault>(), b.parse::<Fault>());
        same("partition p1|p2,p3", "partition 1 and 2,3");
        same("cut 0->1", "partition 0 to 1");
        same("loss 0.05", "loss 5%");
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for (wrong, what) in [
            ("", "no fault"),
            ("slay 1", "is no fault"),
            ("kill", "takes one process"),
            ("kill q", "is no process"),
            ("kill -1", "is no process"),
            ("partition 1", "two sides"),
            ("partition 1 |", "two sides"),
            ("partition 1 | 1,2", "one side alone"),
            ("partition 0 -> 1 -> 2", "one arrow"),
            ("delay", "takes a duration"),
            ("delay 5", "unit"),
            ("delay 9ms..5ms", "least first"),
            ("loss 120%", "probability"),
            ("loss NaN", "probability"),
            ("skew 1", "skew takes"),
            ("skew 1 2s", "is no jump"),
            ("skew 1 x0", "times as fast"),
            ("heal 1", "heal takes"),
            ("replace 1 without", "replace takes"),
        ] {
            let said = wrong.parse::<Fault>().unwrap_err();
            assert!(said.contains(what), "{wrong}: {said}");
        }
    }

    #[test]
    fn links_are_ways() {
        let ways = |text: &str| match format!("loss 1% {text}").parse() {
            Ok(Fault::Loss(links, _)) => {
                links.ways(3).into_iter().map(|(p, q)| (p.0, q.0)).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(ways("").len(), 6);
        assert_eq!(ways("1"), [(0, 1), (1, 0), (1, 2), (2, 1)]);
        assert_eq!(ways("0 -> 1,2"), [(0, 1), (0, 2)]);
        assert_eq!(ways("0 | 2"), [(0, 2), (2, 0)]);
    }
}
