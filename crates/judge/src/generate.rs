//! Histories that are linearizable by construction: each operation takes effect at an instant between its invocation and its end.

use crate::history::{Client, Event, History, Outcome};
use crate::specification::SequentialSpecification;

/// Numbers that a seed determines (SplitMix64; Steele, Lea, Flood 2014).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }
}

/// What a history shall be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many clients there are, each with one operation at a time.
    pub clients: u64,
    /// How many operations.
    pub operations: usize,
    /// Of a thousand operations, how many have an unknown outcome; half of them take effect.
    pub unknown: u64,
}

/// Where a client stands.
enum Standing<O, R> {
    Idle,
    Invoked(O),
    Effected(R),
}

/// A history of the object in which clients take turns at random.
pub fn linearizable<S: SequentialSpecification>(
    specification: &S,
    shape: Shape,
    seed: u64,
    mut asked: impl FnMut(&mut Random) -> S::Operation,
) -> History<S::Operation, S::Return> {
    let mut random = Random::new(seed);
    let mut history = History::default();
    let mut state = specification.initial();
    let mut clients: Vec<Standing<S::Operation, S::Return>> =
        (0..shape.clients).map(|_| Standing::Idle).collect();
    let mut invoked = 0;
    let mut busy = 0;
    while invoked < shape.operations || busy > 0 {
        let number = random.below(shape.clients);
        let client = Client(number);
        let standing = &mut clients[number as usize];
        let event = match std::mem::replace(standing, Standing::Idle) {
            Standing::Idle if invoked == shape.operations => continue,
            Standing::Idle => {
                let operation = asked(&mut random);
                *standing = Standing::Invoked(operation.clone());
                invoked += 1;
                busy += 1;
                Event::invoke(client, operation)
            }
            Standing::Invoked(operation) => {
                let is_unknown = random.below(1000) < shape.unknown;
                let takes_effect = !is_unknown || random.below(2) == 0;
                let (after, returned) = specification.apply(&state, &operation);
                if takes_effect {
                    state = after;
                }
                if !is_unknown {
                    *standing = Standing::Effected(returned);
                    continue;
                }
                busy -= 1;
                Event::end(client, Outcome::Unknown)
            }
            Standing::Effected(returned) => {
                busy -= 1;
                Event::end(client, Outcome::Ok(returned))
            }
        };
        history.push(event).expect("a client has one operation at a time");
    }
    history
}
