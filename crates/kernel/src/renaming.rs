//! Renaming processes and data inside values: messages, timers, requests, whatever is written to a trace.
//!
//! A value is taken apart as it would be written, the names of its types kept; what is a [`ProcessId`] or a [`Datum`] there is
//! another one afterwards, what is a [`Group`](synod_model::Group) is the group of those; then the value is read back. So identities are found in
//! variants, lists, sets and keys of maps alike, and sets and maps are in order again. An identity that hides in a number, a text or
//! the place in a list is not found: whoever renames compares what comes of it with what happens.

use crate::token::Writing;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use synod_model::{Datum, ProcessId};

/// New names of processes and data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Names {
    processes: Vec<ProcessId>,
    /// In order of the first.
    data: Vec<(Datum, Datum)>,
}

impl Names {
    /// Each process `p` is named `processes[p]`, each datum what stands beside it; all others keep their names.
    pub fn new(processes: Vec<ProcessId>, data: impl IntoIterator<Item = (Datum, Datum)>) -> Self {
        let mut data: Vec<_> = data.into_iter().collect();
        data.sort_unstable();
        Self { processes, data }
    }

    /// The name of a process.
    pub fn process(&self, p: ProcessId) -> ProcessId {
        self.processes.get(p.index()).copied().unwrap_or(p)
    }

    /// The name of a datum.
    pub fn datum(&self, datum: Datum) -> Datum {
        let at = self.data.binary_search_by_key(&datum, |&(named, _)| named);
        at.map_or(datum, |at| self.data[at].1)
    }

    /// The processes and what they are named, those that keep their names too.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, ProcessId)> + '_ {
        self.processes.iter().enumerate().map(|(p, &name)| (ProcessId(p as u32), name))
    }

    /// The data and what they are named, those that keep their names too.
    pub fn data(&self) -> impl Iterator<Item = (Datum, Datum)> + '_ {
        self.data.iter().copied()
    }

    /// What `first` names, named by these.
    #[must_use]
    pub fn after(&self, first: &Self) -> Self {
        let processes = first.processes.iter().map(|&p| self.process(p)).collect();
        Self::new(processes, first.data.iter().map(|&(of, name)| (of, self.datum(name))))
    }
}

/// The data that a value holds.
///
/// # Errors
/// Why it cannot be taken apart.
pub fn data_in<T: Serialize>(value: &T) -> Result<BTreeSet<Datum>, String> {
    let mut data = BTreeSet::new();
    value.serialize(Writing).map_err(|error| error.to_string())?.data(&mut data);
    Ok(data)
}

/// The processes that a value names, in the order in which it does.
///
/// # Errors
/// Why it cannot be taken apart.
pub fn processes_in<T: Serialize>(value: &T) -> Result<Vec<ProcessId>, String> {
    let mut processes = Vec::new();
    value.serialize(Writing).map_err(|error| error.to_string())?.processes(&mut processes);
    Ok(processes)
}

/// The value with processes and data named anew.
///
/// # Errors
/// Why it cannot be renamed: it cannot be written, does not come back as it was, or holds a group that would have gaps.
pub fn renamed<T>(value: &T, names: &Names) -> Result<T, String>
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let mut token = value.serialize(Writing).map_err(|error| error.to_string())?;
    let back = T::deserialize(token.clone()).map_err(|error| error.to_string())?;
    if back != *value {
        return Err("it does not come back as it was written".to_owned());
    }
    token.rename(names)?;
    T::deserialize(token).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;
    use synod_model::interface::Broadcast;
    use synod_model::{Group, Never, Output, ProcessSet};

    const P: [ProcessId; 4] = [ProcessId(0), ProcessId(1), ProcessId(2), ProcessId(3)];
    /// p0 stays; p1 to p2, p2 to p3, p3 to p1.
    const TURNED: [ProcessId; 4] = [P[0], P[2], P[3], P[1]];

    fn turned<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> T {
        renamed(value, &names()).expect("it can be renamed")
    }

    fn names() -> Names {
        Names::new(TURNED.to_vec(), [(Datum(1), Datum(7)), (Datum(7), Datum(1))])
    }

    #[test]
    fn data_are_renamed_wherever_they_sit_and_no_other_numbers() {
        let log = |a, b| BTreeMap::from([(1_u64, vec![Some(Datum(a))]), (7, vec![None, Some(Datum(b))])]);
        assert_eq!(turned(&log(1, 7)), log(7, 1));
        assert_eq!(turned(&log(3, 1)), log(3, 7), "one that is not named keeps its name");
        assert_eq!(data_in(&(log(1, 3), P[1], 9_u8)), Ok([Datum(1), Datum(3)].into()));
        assert_eq!(
            processes_in(&(P[3], Some(vec![P[1]]), 2_u8, Output::Suspect(P[0]))),
            Ok(vec![P[3], P[1], P[0]])
        );
        assert_eq!(names().after(&names()).datum(Datum(7)), Datum(7));
        assert_eq!(names().after(&names()).process(P[1]), P[3]);
        assert_eq!(format!("{:?}", Some(Datum(5))), "Some(5)");
        assert_eq!(serde_json::to_string(&Datum(5)).unwrap(), "5");
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Message {
        Prepare,
        Promise { from: ProcessId, accepted: Option<(u32, ProcessId)>, round: u64 },
        Accept(ProcessId, String),
        Vote(ProcessId),
        Log(Vec<Message>),
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Wide {
        signed: i8,
        tall: i128,
        float: f32,
        sign: char,
        every: Duration,
        nothing: (),
        #[serde(default, skip_serializing_if = "Option::is_none")]
        absent: Option<ProcessId>,
        nested: BTreeMap<(ProcessId, u8), BTreeSet<ProcessId>>,
    }

    #[test]
    fn identities_are_renamed_wherever_they_sit() {
        assert_eq!(turned(&P[1]), P[2]);
        assert_eq!(turned(&7_u32), 7, "a number is a number");
        assert_eq!(turned(&Message::Prepare), Message::Prepare);
        let promise = |from, accepted| Message::Promise { from, accepted, round: 1 };
        assert_eq!(turned(&promise(P[3], Some((2, P[2])))), promise(P[1], Some((2, P[3]))));
        assert_eq!(turned(&promise(P[0], None)), promise(P[0], None));
        assert_eq!(turned(&Message::Vote(P[2])), Message::Vote(P[3]));
        let log = |a, b| Message::Log(vec![Message::Accept(a, "p1".to_owned()), Message::Vote(b)]);
        assert_eq!(turned(&log(P[1], P[3])), log(P[2], P[1]));
        assert_eq!(turned(&Broadcast(P[1])), Broadcast(P[2]));
    }

    #[test]
    fn sets_and_maps_are_in_order_again() {
        let set: ProcessSet = [P[1], P[3]].into_iter().collect();
        assert_eq!(turned(&set), [P[1], P[2]].into_iter().collect());
        let map = BTreeMap::from([(P[0], 'a'), (P[1], 'b'), (P[3], 'd')]);
        assert_eq!(turned(&map), BTreeMap::from([(P[0], 'a'), (P[1], 'd'), (P[2], 'b')]));
    }

    #[test]
    fn every_kind_of_part_comes_back() {
        let wide = |key, member, absent| Wide {
            signed: -3,
            tall: i128::MIN,
            float: 0.1,
            sign: 'é',
            every: Duration::from_millis(1_500),
            nothing: (),
            absent,
            nested: BTreeMap::from([((key, 9), BTreeSet::from([member]))]),
        };
        assert_eq!(turned(&wide(P[1], P[2], None)), wide(P[2], P[3], None));
        assert_eq!(turned(&wide(P[3], P[0], Some(P[3]))), wide(P[1], P[0], Some(P[1])));
    }

    #[test]
    fn a_group_is_renamed_as_the_set_that_it_is() {
        assert_eq!(turned(&Group::new(1, 3)), Group::new(1, 3));
        assert_eq!(turned(&Group::new(1, 1)), Group::new(2, 1));
        assert_eq!(turned(&Group::new(5, 2)), Group::new(5, 2), "those beyond keep their names");
        assert!(renamed(&Group::first(2), &names()).unwrap_err().contains("p0"), "p0 and p2 are no group");
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        One { who: ProcessId },
        Two { all: Vec<ProcessId> },
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Text(String),
        Who { who: ProcessId, then: Option<Message> },
        Number(ProcessId),
    }

    #[test]
    fn what_is_read_by_its_looks_is_renamed_too() {
        assert_eq!(turned(&Tagged::One { who: P[1] }), Tagged::One { who: P[2] });
        assert_eq!(turned(&Tagged::Two { all: vec![P[1], P[2]] }), Tagged::Two { all: vec![P[2], P[3]] });
        let who = |who, vote| Untagged::Who { who, then: Some(Message::Vote(vote)) };
        assert_eq!(turned(&who(P[1], P[3])), who(P[2], P[1]));
        assert_eq!(turned(&Untagged::Text("p1".to_owned())), Untagged::Text("p1".to_owned()));
        assert_eq!(turned(&Untagged::Number(P[3])), Untagged::Number(P[1]));
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Forgetful {
        #[serde(skip)]
        cache: u32,
    }

    #[test]
    fn what_does_not_come_back_is_refused() {
        assert!(renamed(&Forgetful { cache: 1 }, &names()).unwrap_err().contains("does not come back"));
        assert_eq!(turned(&Forgetful { cache: 0 }), Forgetful { cache: 0 });
        assert_eq!(turned(&None::<Never>), None);
    }

    #[test]
    fn an_identity_is_written_as_its_number() {
        let map = BTreeMap::from([(P[1], P[2])]);
        assert_eq!(serde_json::to_string(&map).unwrap(), r#"{"1":2}"#);
        assert_eq!(serde_json::from_str::<BTreeMap<ProcessId, ProcessId>>(r#"{"1":2}"#).unwrap(), map);
    }
}
