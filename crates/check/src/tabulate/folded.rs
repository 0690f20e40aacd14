//! Tabulated states of which those that a permutation of the processes makes equal are known as one.
//!
//! A state has a fingerprint for each permutation: that of its image. The least of them is the same for all states of an
//! orbit, and by it a state is known again. The state that is kept is the one that was found, so that runs stay runs. What a
//! move adds to each fingerprint is in a table, so that a step costs an addition for each permutation.
//!
//! That images of states are states, and images of steps all the steps there are, is shown where the tables are made
//! ([`Folding`](super::Folding)).

use super::change::Change;
use super::images::Images;
use super::{Collapsed, HEAD, NONE, Tabulated, Taken, read_print, write_print};
use crate::fingerprint::Print;
use crate::space::{Edge, Missing, Space, Words};
use synod_kernel::Keeping;
use synod_properties::{Property, Violation};

/// What shows that processes are not alike after all.
pub(super) struct Asymmetry {
    /// The state out of which a step shows it, and the place of the step.
    pub(super) words: Vec<u32>,
    pub(super) place: u32,
    pub(super) violation: Violation,
}

/// States: the fingerprints of their images, then their words.
pub(crate) struct Folded {
    pub(super) plain: Tabulated,
    /// How many permutations there are beside the identity.
    pub(super) others: usize,
    /// By move and permutation: what it adds to the fingerprint of the image.
    pub(super) deltas: Vec<Print>,
    /// By monitor and permutation: the part of its image.
    pub(super) monitor_parts: Vec<Print>,
    pub(super) envelopes: Images,
    /// Found where the tables were made: what was explored until then is no reason to say anything.
    pub(super) asymmetry: Option<Asymmetry>,
}

/// What is in flight before and after a move, where what it does to that depends on what is there.
struct Flight<'w> {
    before: &'w [u32],
    after: Vec<u32>,
    /// What the move's own part tells of already: a message taken and messages sent, each as if alone in its queue.
    told: Option<(Option<u32>, &'w [u32])>,
}

impl<'w> Flight<'w> {
    fn of(space: &'w Folded, plain: &'w [u32], c: &Change) -> Self {
        let before = space.plain.in_flight(plain);
        let mut after = before.to_vec();
        space.plain.edit_in_flight(&mut after, 0, c);
        let told = space.plain.keeping == Keeping::Queues && c.discarded == NONE;
        let told = told.then(|| (some(c.taken), &space.plain.sent[c.sent.0 as usize..c.sent.1 as usize]));
        Self { before, after, told }
    }

    /// What is added to the fingerprint of the image under a permutation.
    fn delta(&self, space: &Folded, g: usize) -> Print {
        let of = |words: &[u32]| space.print_of_image(g, words);
        let mut delta = of(&self.after).wrapping_sub(of(self.before));
        if let Some((taken, sent)) = self.told {
            let part = |e: u32| space.plain.envelopes.part(space.envelopes.under(g, e), 0);
            delta = sent.iter().fold(delta, |delta, &e| delta.wrapping_sub(part(e)));
            delta = delta.wrapping_add(taken.map_or(0, part));
        }
        delta
    }
}

/// The fingerprint of an orbit: the least of its states', which is decided by their high halves almost always. So the low
/// half is evenly spread, and gives that to the other.
#[inline]
fn canonical(least: Print) -> Print {
    least ^ (least << 64)
}

impl Folded {
    /// A state without the fingerprints of its images.
    #[inline]
    pub(super) fn words<'w>(&self, words: &'w [u32]) -> &'w [u32] {
        &words[self.others * HEAD..]
    }

    /// What shows that processes are not alike after all, if anything does.
    pub(crate) fn asymmetry(&self) -> Option<String> {
        self.asymmetry.as_ref().map(|asymmetry| asymmetry.violation.what.clone())
    }

    /// The fingerprints of a state's images.
    fn heads<'w>(&self, words: &'w [u32]) -> impl Iterator<Item = Print> + 'w {
        words[..self.others * HEAD].chunks_exact(HEAD).map(read_print)
    }

    /// The fingerprint of the state to which a move leads, as it is.
    fn print_after(&self, plain: &[u32], taken: Taken) -> Print {
        let space = &self.plain;
        let told = &space.told[taken.change as usize];
        let mut print = read_print(plain).wrapping_add(told.delta);
        let (before, after) = (plain[HEAD + space.seats + 1] as usize, taken.monitor as usize);
        if before != after {
            let parts = &space.monitor_parts;
            print = print.wrapping_sub(parts[before]).wrapping_add(parts[after]);
        }
        if told.depends {
            let change = &space.changes[taken.change as usize];
            print = print.wrapping_add(space.delta_in_flight(plain, change));
        }
        print
    }

    /// The fingerprints of the images of the state to which a move leads, those of all permutations but the identity.
    #[inline]
    fn heads_after<'w>(&'w self, words: &'w [u32], taken: Taken) -> impl Iterator<Item = Print> + 'w {
        let plain = self.words(words);
        let before = plain[HEAD + self.plain.seats + 1] as usize;
        let of = |number: usize| number * self.others..(number + 1) * self.others;
        let deltas = &self.deltas[of(taken.change as usize)];
        let monitors = (&self.monitor_parts[of(before)], &self.monitor_parts[of(taken.monitor as usize)]);
        let depends = self.plain.told[taken.change as usize].depends;
        let flight = depends.then(|| Flight::of(self, plain, &self.plain.changes[taken.change as usize]));
        self.heads(words).zip(deltas).enumerate().map(move |(g, (head, delta))| {
            let mut head = head.wrapping_add(*delta);
            if before != taken.monitor as usize {
                head = head.wrapping_sub(monitors.0[g]).wrapping_add(monitors.1[g]);
            }
            flight.as_ref().map_or(head, |flight| head.wrapping_add(flight.delta(self, g + 1)))
        })
    }

    /// The part of a fingerprint that is that of the images of messages in flight. A queue's image is a queue.
    fn print_of_image(&self, g: usize, in_flight: &[u32]) -> Print {
        let envelopes = &self.plain.envelopes;
        let part = |e: u32, place| envelopes.part(self.envelopes.under(g, e), place);
        if self.plain.keeping != Keeping::Queues {
            return in_flight.iter().fold(0, |sum: Print, &e| sum.wrapping_add(part(e, 0)));
        }
        let queues = in_flight.chunk_by(|&a, &b| envelopes.link(a) == envelopes.link(b));
        let placed = queues.flat_map(|queue| queue.iter().enumerate());
        placed.fold(0, |sum: Print, (place, &e)| sum.wrapping_add(part(e, place)))
    }

    /// Tells a state out of which a step shows that processes are not alike.
    #[cold]
    fn tell_asymmetry(asymmetry: &Asymmetry, each: &mut impl FnMut(Edge<Taken>)) {
        (0..asymmetry.place).for_each(|_| each(Edge::LeftOut));
        each(Edge::Broken(asymmetry.violation.clone()));
    }
}

impl Space for Folded {
    type Rows = Words;
    type Step = Taken;
    type Exact = Collapsed;

    fn properties(&self) -> Vec<Property> {
        self.plain.properties()
    }

    #[inline]
    fn print(&self, words: &[u32]) -> Print {
        canonical(self.heads(words).fold(read_print(self.words(words)), Print::min))
    }

    fn expand(&self, words: &[u32], each: &mut impl FnMut(Edge<Taken>)) -> Result<(), Missing> {
        if let Some(asymmetry) = self.asymmetry.as_ref().filter(|asymmetry| asymmetry.words == words) {
            Self::tell_asymmetry(asymmetry, each);
            return Ok(());
        }
        self.plain.expand(self.words(words), &mut |edge| {
            each(match edge {
                Edge::To { print, step } => {
                    let least = self.heads_after(words, step).fold(print, Print::min);
                    Edge::To { print: canonical(least), step }
                }
                other => other,
            });
        })
    }

    fn build(&self, from: &[u32], (_, taken): (Print, Taken), rows: &mut Words) {
        let plain = self.words(from);
        let print = self.print_after(plain, taken);
        rows.write(|words| {
            for head in self.heads_after(from, taken) {
                let start = words.len();
                words.extend([0; HEAD]);
                write_print(&mut words[start..], head);
            }
            self.plain.write_after(plain, taken, print, words);
        });
    }

    fn reached(&self, words: &[u32]) -> u64 {
        self.plain.reached(self.words(words))
    }

    fn distance(&self, words: &[u32]) -> u64 {
        self.plain.distance(self.words(words))
    }

    fn parts(&self, words: &[u32], each: &mut dyn FnMut(u64)) {
        self.plain.parts(self.words(words), each);
    }

    fn broken(&self, _: &[u32]) -> Option<Violation> {
        None
    }

    fn broken_end(&self, _: &[u32]) -> Option<Violation> {
        None
    }

    fn class(&self, taken: &Taken) -> u64 {
        self.plain.class(taken)
    }

    /// A loop of orbits need not be one of states.
    fn keeps_runs(&self) -> bool {
        false
    }

    fn memory(&self) -> u64 {
        let parts = (self.deltas.capacity() + self.monitor_parts.capacity()) * size_of::<Print>();
        self.plain.memory() + parts as u64 + self.envelopes.memory()
    }
}

/// What stands where a seat does not change, or nothing is taken: it has no image.
pub(super) fn some(number: u32) -> Option<u32> {
    (number != NONE).then_some(number)
}
