//! Keys, the smallest first: a calendar of what is near, over a hierarchy of timing wheels.
//!
//! The calendar has so many days, of a length that fits how crowded they are: mostly there is one key on a day, or none, so that
//! putting it there and taking it are a few instructions, whatever else is pending. What lies beyond its year stands in the
//! [wheels](super::wheels), and is entered into the calendar when its time comes near. Days of several keys are sorted. If many keys share days, days
//! become shorter; if many pass through the wheels, and hardly any share a day, longer. So a key moves at most once per wheel, and mostly not
//! at all. What is put in before the last key that was opened goes to a binary heap: then the bound is the logarithm of a
//! heap's. How long days are makes no difference to the order.

use super::wheels::{Chain, Chains, Wheels};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An instant in the upper half; in the lower one what orders those of one instant.
pub(super) type Key = u128;

/// The instant of a key.
pub(super) const fn instant(key: Key) -> u64 {
    (key >> u64::BITS) as u64
}

/// The days of a year.
const DAYS: usize = 1 << 12;
const WORD: usize = u64::BITS as usize;
const WORDS: usize = DAYS / WORD;

/// The length of a day at first, as a power of two: four microseconds.
const DAY_BITS: u32 = 12;

/// The length of a day is thought about after so many keys, and then after twice as many each time, up to a limit.
const TRIAL: u32 = 1 << 8;
const TRIAL_MAX: u32 = 1 << 16;

/// So many keys that go into the calendar at once are announced: they come soon.
const SOON: u32 = 1 << 12;

/// Keys, the smallest first.
#[derive(Debug)]
pub(super) struct Keys {
    /// No key in the calendar or in the wheels is of an earlier instant.
    base: u64,
    /// The length of a day, as a power of two.
    day_bits: u32,
    /// The words of `taken` that are not zero: one bit each.
    words: u64,
    /// The days that have a key: one bit each.
    taken: [u64; WORDS],
    /// Of these, those that have several.
    shared: [u64; WORDS],
    /// By day: the key that was entered first.
    firsts: Vec<Key>,
    /// By day: the one after that, and its other keys. There are none before they are needed.
    others: Vec<(Key, Chain)>,
    far: Wheels,
    chains: Chains,
    /// The largest key that was opened: what is smaller goes to `late`.
    opened: Key,
    /// The keys of the day that was opened last, in descending order.
    run: Vec<Key>,
    /// The keys that were put in too late for the run.
    late: BinaryHeap<Reverse<Key>>,
    trial: Trial,
}

/// How the length of a day turns out.
#[derive(Debug)]
struct Trial {
    length: u32,
    /// The keys that were opened.
    opened: u32,
    /// Of these: those that shared a day with others of another instant.
    sharing: u32,
    /// The days on which they did.
    days: u32,
    /// The keys that came from the wheels.
    entered: u32,
}

impl Trial {
    const fn of(length: u32) -> Self {
        Self { length, opened: 0, sharing: 0, days: 0, entered: 0 }
    }

    /// What the length of a day should be, as a power of two.
    fn better(&self, day_bits: u32) -> u32 {
        if self.sharing > self.opened / 2 {
            let each = self.sharing / self.days;
            day_bits.saturating_sub(each.ilog2() + 1)
        } else if self.entered > self.opened / 32 && self.sharing < self.opened / 4 {
            (day_bits + 1).min(u64::BITS - DAYS.ilog2())
        } else {
            day_bits
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            base: 0,
            day_bits: DAY_BITS,
            words: 0,
            taken: [0; WORDS],
            shared: [0; WORDS],
            firsts: vec![0; DAYS],
            others: Vec::new(),
            far: Wheels::default(),
            chains: Chains::default(),
            opened: 0,
            run: Vec::new(),
            late: BinaryHeap::new(),
            trial: Trial::of(TRIAL),
        }
    }
}

impl Keys {
    #[inline]
    pub(super) fn push(&mut self, key: Key) {
        if key > self.opened {
            self.enter(key);
        } else {
            self.late.push(Reverse(key));
        }
    }

    /// Takes the smallest key. `soon` is told of many keys that are among the next.
    #[inline]
    pub(super) fn pop(&mut self, soon: impl FnMut(&[Key])) -> Option<Key> {
        if !self.late.is_empty() {
            return self.pop_late(soon);
        }
        match self.run.pop() {
            None => self.open(soon),
            some => some,
        }
    }

    fn pop_late(&mut self, soon: impl FnMut(&[Key])) -> Option<Key> {
        let late = self.late.peek().map(|&Reverse(key)| key);
        if self.run.last().copied().is_some_and(|next| Some(next) < late) {
            return self.run.pop();
        }
        self.late.pop().map(|Reverse(key)| key).or_else(|| self.open(soon))
    }

    /// Puts a key into the calendar, or into the wheels.
    #[inline]
    fn enter(&mut self, key: Key) {
        let day = instant(key) >> self.day_bits;
        if day - (self.base >> self.day_bits) >= DAYS as u64 {
            return self.far.put(&mut self.chains, self.base, key);
        }
        let day = day as usize % DAYS;
        let (word, bit) = (day / WORD, 1 << (day % WORD));
        if self.taken[word] & bit == 0 {
            self.words |= 1 << word;
            self.taken[word] |= bit;
            self.firsts[day] = key;
        } else if self.shared[word] & bit == 0 {
            self.shared[word] |= bit;
            self.make_room();
            self.others[day].0 = key;
        } else {
            self.chains.append(&mut self.others[day].1, key);
        }
    }

    /// For days that are shared.
    #[inline]
    fn make_room(&mut self) {
        if self.others.is_empty() {
            self.others = vec![Default::default(); DAYS];
        }
    }

    /// The next day that has a key: how far it is away.
    #[inline]
    fn next_day(&self) -> Option<u64> {
        let today = (self.base >> self.day_bits) as usize % DAYS;
        let word = today / WORD;
        let here = self.taken[word] >> (today % WORD);
        if here != 0 {
            return Some(here.trailing_zeros().into());
        }
        // from the next word on, this one last
        let words = self.words.rotate_right(word as u32 + 1);
        if words == 0 {
            return None;
        }
        let word = (word + 1 + words.trailing_zeros() as usize) % WORDS;
        let day = word * WORD + self.taken[word].trailing_zeros() as usize;
        Some((day.wrapping_sub(today) % DAYS) as u64)
    }

    /// Opens the next day, and takes its smallest key.
    #[inline]
    fn open(&mut self, mut soon: impl FnMut(&[Key])) -> Option<Key> {
        loop {
            let next = self.next_day().map(|days| (self.base >> self.day_bits) + days);
            // what begins on that day, or before it, may come before its keys
            if next.is_none_or(|day| self.far.begins() >> self.day_bits <= day) && !self.far.is_empty() {
                let earliest = next.map_or(u64::MAX, |day| day << self.day_bits);
                self.enter_from_afar(earliest, &mut soon);
                continue;
            }
            let day = next? as usize % DAYS;
            let (word, bit) = (day / WORD, 1 << (day % WORD));
            self.taken[word] &= !bit;
            if self.taken[word] == 0 {
                self.words &= !(1 << word);
            }
            let key = self.firsts[day];
            if self.shared[word] & bit != 0 {
                self.shared[word] &= !bit;
                let (second, others) = &self.others[day];
                let (second, others) = (*second, others.keys());
                self.run.push(key.max(second));
                if others > 0 {
                    self.run.push(key.min(second));
                    return self.sort(day);
                }
                return Some(self.begin_run(key.min(second), key.max(second), 2));
            }
            self.base = instant(key);
            self.opened = key;
            self.count(1);
            return Some(key);
        }
    }

    /// Makes the keys of a day the run, of which it has two.
    fn sort(&mut self, day: usize) -> Option<Key> {
        while let Some((some, count)) = self.chains.take(&mut self.others[day].1) {
            self.run.extend_from_slice(&some[..count]);
        }
        let run = &mut self.run;
        run.sort_unstable_by(|a, b| b.cmp(a));
        let (keys, last) = (run.len() as u32, *run.first()?);
        let first = run.pop()?;
        Some(self.begin_run(first, last, keys))
    }

    /// The first key of a run of so many.
    #[inline]
    fn begin_run(&mut self, first: Key, last: Key, keys: u32) -> Key {
        self.opened = last;
        self.base = instant(last);
        if instant(first) != self.base {
            self.trial.sharing += keys;
            self.trial.days += 1;
        }
        self.count(keys);
        first
    }

    /// Enters the keys of the wheels' nearest bucket into the calendar, or into narrower wheels. All others that are pending
    /// lie at or after `earliest`.
    fn enter_from_afar(&mut self, earliest: u64, soon: &mut impl FnMut(&[Key])) {
        let (begins, mut bucket) = self.far.take();
        self.base = self.base.max(begins.min(earliest));
        let keys = bucket.keys();
        self.trial.entered = self.trial.entered.saturating_add(keys);
        while let Some((some, count)) = self.chains.take(&mut bucket) {
            let some = &some[..count];
            if keys <= SOON {
                soon(some);
            }
            for &key in some {
                self.enter(key);
            }
        }
    }

    /// Counts keys that were opened. Now and then days become longer or shorter.
    #[inline]
    fn count(&mut self, keys: u32) {
        self.trial.opened = self.trial.opened.saturating_add(keys);
        if self.trial.opened >= self.trial.length {
            self.think();
        }
    }

    #[cold]
    fn think(&mut self) {
        let better = self.trial.better(self.day_bits);
        self.trial = Trial::of((2 * self.trial.length).min(TRIAL_MAX));
        if better == self.day_bits {
            return;
        }
        // the wheels take any key, and give it back when its time comes
        for day in (0..DAYS).filter(|day| self.taken[day / WORD] >> (day % WORD) & 1 != 0) {
            self.far.put(&mut self.chains, self.base, self.firsts[day]);
            if self.shared[day / WORD] >> (day % WORD) & 1 == 0 {
                continue;
            }
            let (second, others) = &mut self.others[day];
            self.far.put(&mut self.chains, self.base, *second);
            while let Some((some, count)) = self.chains.take(others) {
                some[..count].iter().for_each(|&key| self.far.put(&mut self.chains, self.base, key));
            }
        }
        (self.words, self.taken, self.shared) = (0, [0; WORDS], [0; WORDS]);
        self.day_bits = better;
    }
}
