//! Against a tree of what is pending, whatever is put in, cancelled, parked and put in again.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What is done with an agenda. An index counts, modulo their number, what was put in until then.
#[derive(Clone, Debug)]
enum Deed {
    /// Puts in an entry after so long.
    Push(u64),
    /// The same at an instant, be it past or beyond all others.
    PushAt(u64),
    /// As many entries at one instant.
    Many(u64, u8),
    Pop,
    /// Takes so many in a row.
    Drain(u8),
    Cancel(usize),
    /// Pops an entry, and puts it in under its number after so long.
    Postpone(u64),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    // from one instant over what fills neighbouring buckets to far beyond
    let after = prop_oneof![
        0_u64..3,
        0_u64..1_000,
        0_u64..10_000_000,
        Just(1 << 20),
        (0_u32..63).prop_map(|bits| 1 << bits),
    ];
    let deed = prop_oneof![
        8 => after.clone().prop_map(Deed::Push),
        1 => any::<u64>().prop_map(Deed::PushAt),
        1 => Just(Deed::PushAt(u64::MAX)),
        1 => (after.clone(), any::<u8>()).prop_map(|(after, many)| Deed::Many(after, many)),
        6 => Just(Deed::Pop),
        1 => any::<u8>().prop_map(Deed::Drain),
        2 => any::<usize>().prop_map(Deed::Cancel),
        2 => after.prop_map(Deed::Postpone),
    ];
    prop::collection::vec(deed, 0..200)
}

/// The agenda beside a tree of (time, number), in which every entry is its number.
#[derive(Default)]
struct Both {
    agenda: Agenda<u64>,
    expected: BTreeMap<(u64, u64), u64>,
    now: u64,
    /// (time, number, slot) of all that was put in.
    all: Vec<(u64, u64, Slot)>,
}

impl Both {
    fn push(&mut self, time: u64) {
        let number = self.agenda.number;
        let slot = self.agenda.push(time, number);
        self.expected.insert((time, number), number);
        self.all.push((time, number, slot));
    }

    fn pop(&mut self) -> Option<Due<u64>> {
        let due = self.agenda.pop();
        let expected = self.expected.pop_first().map(|((time, number), entry)| Due { time, number, entry });
        assert_eq!(due, expected);
        self.now = due.as_ref().map_or(self.now, |due| due.time);
        due
    }

    /// A slot is another entry's once its own came.
    fn cancel(&mut self, index: usize) {
        if self.all.is_empty() {
            return;
        }
        let (time, number, slot) = self.all[index % self.all.len()];
        if self.expected.remove(&(time, number)).is_some() {
            assert_eq!(self.agenda.get(slot), Some(&number));
            assert_eq!(self.agenda.cancel(slot), Some(number));
            assert_eq!(self.agenda.cancel(slot), None);
        }
    }

    fn postpone(&mut self, after: u64) {
        let Some(Due { number, entry, .. }) = self.pop() else { return };
        let time = self.now.saturating_add(after);
        let slot = self.agenda.park(entry);
        self.agenda.enqueue_as(time, number, slot);
        self.expected.insert((time, number), entry);
        self.all.push((time, number, slot));
    }

    fn take(&mut self, deed: &Deed) {
        match *deed {
            Deed::Push(after) => self.push(self.now.saturating_add(after)),
            Deed::PushAt(time) => self.push(time),
            Deed::Many(after, many) => {
                (0..many).for_each(|_| self.push(self.now.saturating_add(after)));
            }
            Deed::Pop => _ = self.pop(),
            Deed::Drain(many) => (0..many).for_each(|_| _ = self.pop()),
            Deed::Cancel(index) => self.cancel(index),
            Deed::Postpone(after) => self.postpone(after),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn entries_come_by_time_and_then_by_number(deeds in deeds()) {
        let mut both = Both::default();
        for deed in &deeds {
            both.take(deed);
        }
        while both.pop().is_some() {}
    }
}

/// Enough at once that buckets are dealt out over several levels, through to a single instant.
#[test]
fn crowds_come_in_order_too() {
    let mut both = Both::default();
    let mut random = synod_kernel::Random::new(1);
    for round in 0..6 {
        for _ in 0..20_000 {
            both.push(both.now + random.below(1 << (5 * round)));
        }
        (0..15_000).for_each(|_| _ = both.pop());
    }
    while both.pop().is_some() {}
}

#[test]
fn a_cancelled_entry_never_comes_and_its_place_is_used_again() {
    let mut agenda = Agenda::default();
    let first = agenda.push(1, 'a');
    agenda.push(2, 'b');
    assert_eq!(agenda.cancel(first), Some('a'));
    assert_eq!(agenda.cancel(first), None);
    assert_eq!(agenda.pop().map(|due| due.entry), Some('b'));
    for entry in ['c', 'd'] {
        agenda.push(3, entry);
    }
    assert_eq!(agenda.places.len(), 2);
}
