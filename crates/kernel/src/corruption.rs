//! Values that are almost what they were: with a bit flipped, or with a part of another in the place of one of their own.

use crate::draws::Random;
use crate::token::{Token, Writing};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// How many bits a value has that might flip: those of its numbers (whole bytes of them), truth values and texts.
pub fn bits(value: &impl Serialize) -> u32 {
    let mut all = 0;
    if let Ok(mut token) = value.serialize(Writing) {
        token.walk(&mut |part| all += width(part));
    }
    all
}

/// The value with one of its bits flipped, in the order in which it is written; none where it cannot be read then.
pub fn flipped<T: Serialize + DeserializeOwned + PartialEq>(value: &T, bit: u32) -> Option<T> {
    let mut token = value.serialize(Writing).ok()?;
    let (mut before, mut done) = (0, false);
    token.walk(&mut |part| {
        let own = width(part);
        if (before..before + own).contains(&bit) {
            done = flip(part, bit - before).is_some();
        }
        before += own;
    });
    let rotten = T::deserialize(token).ok().filter(|_| done)?;
    (rotten != *value).then_some(rotten)
}

fn width(part: &Token) -> u32 {
    let bytes = |bits: u32| bits.div_ceil(8).max(1) * 8;
    match part {
        Token::Bool(_) => 1,
        Token::Unsigned(number) => bytes(u128::BITS - number.leading_zeros()),
        Token::Signed(number) => bytes(u128::BITS - number.unsigned_abs().leading_zeros()),
        Token::Text(text) => 8 * text.len() as u32,
        Token::Bytes(all) => 8 * all.len() as u32,
        _ => 0,
    }
}

fn flip(part: &mut Token, bit: u32) -> Option<()> {
    let within = |bytes: &mut [u8]| bytes[bit as usize / 8] ^= 1 << (bit % 8);
    match part {
        Token::Bool(truth) => *truth = !*truth,
        Token::Unsigned(number) => *number ^= 1 << bit,
        Token::Signed(number) => *number ^= 1 << bit,
        Token::Bytes(bytes) => within(bytes),
        Token::Text(text) => {
            let mut bytes = text.clone().into_bytes();
            within(&mut bytes);
            *text = String::from_utf8(bytes).ok()?;
        }
        _ => return None,
    }
    Some(())
}

/// What may stand in the place of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Named(&'static str),
    Variant,
    Bool,
    Signed,
    Unsigned,
    Text,
}

fn sort(part: &Token) -> Option<Sort> {
    Some(match part {
        Token::Newtype(name, _) | Token::Struct(name, _) | Token::Tuple(Some(name), _) => Sort::Named(name),
        Token::Variant(..) => Sort::Variant,
        Token::Bool(_) => Sort::Bool,
        Token::Signed(_) => Sort::Signed,
        Token::Unsigned(_) => Sort::Unsigned,
        Token::Text(_) => Sort::Text,
        _ => return None,
    })
}

/// The parts of values that were seen, of which others are made.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    all: Vec<(Sort, Token)>,
    known: BTreeSet<String>,
}

/// How many different parts are kept; what is seen later is not.
const MOST: usize = 512;
/// How often another place is tried where what comes of a change is no value of its type.
const TRIES: u32 = 8;

impl Parts {
    /// Takes a value apart, and keeps its parts.
    pub fn note(&mut self, value: &impl Serialize) {
        let Ok(mut token) = value.serialize(Writing) else { return };
        token.walk(&mut |part| {
            let Some(sort) = sort(part).filter(|_| self.all.len() < MOST) else { return };
            if self.known.insert(format!("{sort:?} {part:?}")) {
                self.all.push((sort, part.clone()));
            }
        });
    }

    /// The value with one of its parts in exchange for another of this kind; none where none was found that makes a value.
    pub fn changed<T>(&self, value: &T, random: &mut Random) -> Option<T>
    where
        T: Serialize + DeserializeOwned + PartialEq,
    {
        let token = value.serialize(Writing).ok()?;
        (0..TRIES).find_map(|_| {
            let changed = T::deserialize(self.exchanged(token.clone(), random)?).ok()?;
            (changed != *value).then_some(changed)
        })
    }

    fn exchanged(&self, mut token: Token, random: &mut Random) -> Option<Token> {
        let mut places = 0;
        token.walk(&mut |part| places += u64::from(sort(part).is_some()));
        let place = random.below(places.max(1));
        let mut at = 0;
        token.walk(&mut |part| {
            let Some(sort) = sort(part) else { return };
            if at == place {
                let others: Vec<_> = self.all.iter().filter(|(of, _)| *of == sort).collect();
                if !others.is_empty() {
                    *part = others[random.below(others.len() as u64) as usize].1.clone();
                }
            }
            at += 1;
        });
        (places > 0).then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use synod_model::{Datum, ProcessId};

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    enum Message {
        Send(Datum),
        Vote { round: u8, from: ProcessId, yes: bool },
    }

    #[test]
    fn every_bit_of_a_value_flips_to_another_value() {
        let vote = Message::Vote { round: 3, from: ProcessId(1), yes: true };
        assert_eq!(bits(&vote), 8 + 8 + 1);
        let all: BTreeSet<_> = (0..17).map(|bit| flipped(&vote, bit).expect("a value")).collect();
        assert_eq!(all.len(), 17);
        assert!(all.contains(&Message::Vote { round: 3, from: ProcessId(1), yes: false }));
        assert!(all.contains(&Message::Vote { round: 2, from: ProcessId(1), yes: true }));
        assert_eq!(flipped(&vote, 17), None);
        assert_eq!((bits(&()), bits(&vec![Some("ab")])), (0, 16));
        assert_eq!(flipped(&"a".to_owned(), 1), Some("c".to_owned()));
        assert_eq!(flipped(&"a".to_owned(), 7), None, "it is no text");
    }

    #[test]
    fn others_are_made_of_what_was_seen() {
        let mut parts = Parts::default();
        let (send, vote) =
            (Message::Send(Datum(7)), Message::Vote { round: 3, from: ProcessId(1), yes: true });
        let mut random = Random::new(1);
        parts.note(&send);
        assert_eq!(parts.changed(&send, &mut random), None, "there is no other yet");
        parts.note(&vote);
        parts.note(&ProcessId(2));
        let made: BTreeSet<_> = (0..200).filter_map(|_| parts.changed(&vote, &mut random)).collect();
        assert!(made.contains(&send));
        assert!(made.contains(&Message::Vote { round: 3, from: ProcessId(2), yes: true }));
        assert!(made.contains(&Message::Vote { round: 7, from: ProcessId(1), yes: true }));
        assert!(!made.contains(&vote));
    }
}
