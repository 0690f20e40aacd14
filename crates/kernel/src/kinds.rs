//! Kinds of values: a message is a `Prepare` or a `Promise`, and those of an embedded module are kinds of its own.
//!
//! A value's kind is told by the way in which it is written: the names of the variants on the way down, "Link(Ack)". Which
//! kinds a type has is found by making values of it: reading asks for the names of a type's variants, and each is answered in turn.
//! What cannot be made in this way (a value that its type refuses, one of endless depth) is left out.

mod naming;
mod sampling;

use crate::token::Writing;
use naming::Named;
use sampling::Sampler;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many names a kind has at most: deeper ones are data.
const NAMES_MAX: usize = 4;
/// How many values are made of a type.
const SAMPLES_MAX: u32 = 4_096;

/// The kind of a value: "Promise"; "Link(Ack)" for an enum within a variant, or within the one field of a struct that has
/// such names. A struct without names in it has its own, a number or a text none: "". Nothing where it cannot be written.
pub fn kind(value: &impl Serialize) -> Option<String> {
    Some(Named::of(&value.serialize(Writing).ok()?).text())
}

/// The kinds of the values of a type, as far as the type tells: none is made up, and not all need be here.
pub fn kinds<T: Serialize + DeserializeOwned>() -> BTreeSet<String> {
    let (mut found, mut script) = (BTreeSet::new(), Some(Vec::new()));
    for _ in 0..SAMPLES_MAX {
        let Some(given) = script.take() else { break };
        let mut sampler = Sampler::new(given);
        // a type may refuse values in whatever way it likes
        let sample = catch_unwind(AssertUnwindSafe(|| kind(&T::deserialize(sampler.probe()).ok()?)));
        let sample = sample.ok().flatten();
        script = sampler.successor(sample.is_some());
        found.extend(sample);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};
    use std::collections::BTreeMap;
    use std::num::NonZeroU32;
    use std::time::Duration;
    use synod_model::interface::{Broadcast, Decide};
    use synod_model::{Never, ProcessId, Unverified, Value};

    fn all<T: Serialize + DeserializeOwned>() -> Vec<String> {
        kinds::<T>().into_iter().collect()
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Ballot {
        Prepare,
        Promise { at: u32, accepted: Option<(u32, char)>, from: ProcessId },
        Accept(NonZeroU32, String),
        Log(Vec<Answer>),
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Answer {
        Yes,
        No,
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    struct Numbered<M> {
        number: u64,
        every: Duration,
        message: M,
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Stack<A, B> {
        Lower(A),
        Upper(Numbered<B>),
        Both(Answer, Answer),
    }

    #[test]
    fn a_variant_is_a_kind_whatever_it_holds() {
        assert_eq!(all::<Ballot>(), ["Accept", "Log", "Prepare", "Promise"]);
        let promise = Ballot::Promise { at: 3, accepted: Some((1, 'a')), from: ProcessId(2) };
        assert_eq!(kind(&promise).unwrap(), "Promise");
        assert_eq!(kind(&Ballot::Log(vec![Answer::Yes])).unwrap(), "Log", "what a list holds is data");
    }

    #[test]
    fn an_embedded_module_has_kinds_of_its_own() {
        let expected = ["Both", "Lower(No)", "Lower(Yes)", "Upper(No)", "Upper(Yes)"];
        assert_eq!(all::<Stack<Answer, Answer>>(), expected);
        let value = Numbered { number: 7, every: Duration::ZERO, message: Answer::No };
        assert_eq!(kind(&Stack::<Answer, Answer>::Upper(value)).unwrap(), "Upper(No)");
        let both = Stack::<Answer, Answer>::Both(Answer::No, Answer::Yes);
        assert_eq!(kind(&both).unwrap(), "Both", "which of the two would be meant?");
        assert!(all::<Stack<Ballot, Never>>().contains(&"Lower(Promise)".to_owned()));
        assert!(all::<Stack<Ballot, Never>>().iter().all(|kind| !kind.starts_with("Upper")), "there is none");
    }

    #[test]
    fn a_type_without_variants_has_one_kind_and_a_type_without_values_none() {
        assert_eq!(all::<()>(), [""]);
        assert_eq!(all::<u8>(), [""]);
        assert_eq!(all::<(char, bool, Option<Answer>)>(), [""]);
        assert_eq!(all::<BTreeMap<u8, Answer>>(), [""]);
        assert_eq!(all::<Never>(), Vec::<String>::new());
        assert_eq!(all::<Decide<char>>(), ["Decide"]);
        assert_eq!(all::<Numbered<u8>>(), ["Numbered"]);
        assert_eq!(all::<Broadcast<Answer>>(), ["No", "Yes"]);
        assert_eq!(kind(&7_u8).unwrap(), "");
        assert_eq!(all::<Result<u8, Answer>>(), ["Err(No)", "Err(Yes)", "Ok"]);
        assert_eq!(all::<Unverified<Answer>>(), ["No", "Yes"]);
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Tree {
        Branch(Box<Tree>, Box<Tree>),
        Twig(Box<Tree>),
        Leaf,
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    struct Endless(Box<Endless>);

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    struct Chain {
        kind: Answer,
        next: Option<Box<Chain>>,
    }

    #[test]
    fn a_recursive_type_comes_to_an_end() {
        let kinds = all::<Tree>();
        assert!(kinds.contains(&"Leaf".to_owned()) && kinds.contains(&"Branch".to_owned()), "{kinds:?}");
        assert!(kinds.contains(&"Twig(Twig(Leaf))".to_owned()), "{kinds:?}");
        let mut tall = Tree::Leaf;
        (0..100).for_each(|_| tall = Tree::Twig(Box::new(tall.clone())));
        assert_eq!(kind(&tall).unwrap(), "Twig(Twig(Twig(Twig)))");
        assert_eq!(all::<Endless>(), Vec::<String>::new());
        assert_eq!(all::<Chain>(), ["No", "Yes"]);
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(try_from = "u8", into = "u8")]
    struct Even(u8);

    impl TryFrom<u8> for Even {
        type Error = String;
        fn try_from(number: u8) -> Result<Self, String> {
            number.is_multiple_of(2).then_some(Self(number)).ok_or_else(|| "odd".to_owned())
        }
    }

    impl From<Even> for u8 {
        fn from(even: Even) -> Self {
            even.0
        }
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Picky {
        Even(Even),
        Any(u8),
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(tag = "type")]
    enum Tagged {
        One { of: u8 },
        Two,
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Renamed {
        #[serde(alias = "Old")]
        NewName,
        #[serde(skip)]
        Inner,
    }

    #[test]
    fn what_a_type_does_not_tell_is_left_out() {
        assert_eq!(all::<Picky>(), ["Any"], "it refuses the number that it is shown");
        assert_eq!(kind(&Picky::Even(Even(2))).unwrap(), "Even");
        assert_eq!(all::<Tagged>(), Vec::<String>::new());
        assert_eq!(all::<Renamed>(), ["new-name"], "an alias is no other kind");
        assert_eq!(kind(&Renamed::Inner), None);
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Wide {
        Many(Data, Data, Data, Data, Data, Data, Data, Data),
        Two(Answer),
    }

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Data {
        A,
        B,
        C,
        D,
        E,
    }

    #[test]
    fn a_variant_with_a_great_deal_of_data_does_not_hide_the_others() {
        assert_eq!(all::<Wide>(), ["Many", "Two(No)", "Two(Yes)"]);
    }

    /// Whatever is made of a type has a kind among those of the type.
    fn is_among<T: Value>(value: &T) {
        let kind = kind(value).unwrap();
        assert!(kinds::<T>().contains(&kind), "{kind}");
    }

    #[test]
    fn a_values_kind_is_one_of_its_types() {
        is_among(&Ballot::Accept(NonZeroU32::MIN, "x".to_owned()));
        is_among(&Stack::<Ballot, Answer>::Lower(Ballot::Log(Vec::new())));
        is_among(&Decide('a'));
        is_among(&Some(Answer::Yes));
        is_among(&[Answer::No, Answer::Yes]);
        is_among(&Wide::Two(Answer::No));
        is_among(&(3_u8, Answer::No));
    }
}
