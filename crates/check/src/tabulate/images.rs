//! Which permutations of processes and data a setting does not tell apart, and what each number of the tables becomes under each.

use std::collections::BTreeSet;
use synod_kernel::renaming::{Names, data_in, renamed};
use synod_kernel::{Partition, Rest, SeatId, Seating, Setting};
use synod_model::failure::{FailureKind, FailureModel};
use synod_model::{Datum, FailuresOf, Output, Process, ProcessId};

/// How many processes a world may have that is reduced by symmetry: their permutations are tried one by one.
pub(super) const PROCESSES_MAX: usize = 8;
/// How many data are permuted: more of them are told apart.
const DATA_MAX: usize = 4;
/// How many permutations there may be: a state that waits has a fingerprint for each.
pub(super) const PERMUTATIONS_MAX: usize = 720;

/// Where who sits at this seat sits under a permutation: processes sit at the seats of the same numbers.
pub(super) fn seat(names: &Names, seat: SeatId) -> SeatId {
    SeatId(names.process(ProcessId(seat.0)).0)
}

/// Permutations of processes and data that form a group; the first is the identity.
pub(super) struct Permutations {
    all: Vec<Names>,
    /// By permutation and by one that is done before it: both, one after the other.
    after: Vec<Vec<usize>>,
}

impl Permutations {
    /// Those of a group; `None` where one after the other is not among them.
    pub(super) fn group(mut all: Vec<Names>) -> Option<Self> {
        all.sort_unstable();
        let row = |g: &Names| all.iter().map(|h| all.binary_search(&g.after(h)).ok()).collect();
        let after: Option<Vec<Vec<usize>>> = all.iter().map(row).collect();
        after.map(|after| Self { all, after })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn names(&self, g: usize) -> &Names {
        &self.all[g]
    }

    pub(super) fn seat(&self, g: usize, seat: SeatId) -> SeatId {
        self::seat(&self.all[g], seat)
    }

    /// What says `h` first, then `g`.
    pub(super) fn after(&self, g: usize, h: usize) -> usize {
        self.after[g][h]
    }

    /// "p1 and p2 exchanged", or who is named what.
    pub(super) fn describe(&self, g: usize) -> String {
        describe(&self.all[g])
    }
}

/// "p1 and p2 exchanged, value 0 and value 1 exchanged", or who is named what.
pub(super) fn describe(names: &Names) -> String {
    let processes = names.processes().map(|(p, name)| (p.to_string(), name.to_string()));
    let data = names.data().map(|(of, name)| (format!("value {of}"), format!("value {name}")));
    let all = [moved(processes), moved(data)].into_iter().flatten();
    all.collect::<Vec<_>>().join(", ")
}

/// Those that do not keep their names.
fn moved(names: impl Iterator<Item = (String, String)>) -> Option<String> {
    let moved: Vec<_> = names.filter(|(of, name)| of != name).collect();
    match &moved[..] {
        [] => None,
        [(one, other), _] => Some(format!("{one} and {other} exchanged")),
        _ => Some(moved.iter().map(|(of, name)| format!("{of} named {name}")).collect::<Vec<_>>().join(", ")),
    }
}

/// Every order of some values, theirs first.
fn all_orders<T: Copy + PartialEq>(of: &[T]) -> Vec<Vec<T>> {
    let mut all: Vec<Vec<T>> = vec![Vec::new()];
    for _ in of {
        let longer = |begun: &Vec<T>| {
            let free = of.iter().filter(|value| !begun.contains(value));
            free.map(|&value| begun.iter().copied().chain([value]).collect()).collect::<Vec<Vec<T>>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// Every permutation of so many processes, with every one of the data, the identity first.
fn all_permutations(count: usize, data: &[Datum]) -> Vec<Names> {
    let processes: Vec<ProcessId> = (0..count as u32).map(ProcessId).collect();
    let orders = all_orders(data);
    let with_data = |names: Vec<ProcessId>| {
        let named = |order: &Vec<Datum>| Names::new(names.clone(), data.iter().copied().zip(order.clone()));
        orders.iter().map(named).collect::<Vec<_>>()
    };
    all_orders(&processes).into_iter().flat_map(with_data).collect()
}

/// The data that a setting speaks of, if they are few enough to be permuted.
fn data_of<P: Process>(setting: &Setting<P>) -> Vec<Datum> {
    let requests = setting.requests.iter().flatten().map(data_in);
    let all = requests.chain(setting.lies.iter().map(data_in)).chain([data_in(&setting.parameters)]);
    // what cannot be taken apart cannot be renamed either, which is told then
    let data: BTreeSet<Datum> = all.flatten().flatten().collect();
    if data.len() > DATA_MAX { Vec::new() } else { data.into_iter().collect() }
}

/// The permutations under which a setting stays as it is, with why one does not.
pub(crate) type Candidates = (Vec<Names>, Option<String>);

/// The permutations under which a setting stays as it is; or why none is looked for.
pub(crate) fn candidates<P: Process>(setting: &Setting<P>) -> Result<Candidates, String> {
    let n = setting.environment.processes as usize;
    if setting.seating != Seating::plain(setting.environment.processes) {
        return Err("a process has twins, or does not reach everybody".to_owned());
    }
    if FailuresOf::<P>::KIND == FailureKind::AuthenticatedByzantine {
        return Err("signatures are made of text, in which nobody is renamed".to_owned());
    }
    if n > PROCESSES_MAX {
        return Err(format!("of more than {PROCESSES_MAX} processes not every permutation is tried"));
    }
    let may_fail = |p: ProcessId| setting.environment.failures.may_fail(p);
    let asked = |p: ProcessId| setting.requests[p.index()].len();
    let alike = |(p, q): (ProcessId, ProcessId)| may_fail(p) == may_fail(q) && asked(p) == asked(q);
    let (mut kept, mut why_not) = (Vec::new(), None);
    for names in all_permutations(n, &data_of(setting)) {
        let reason = match names.processes().find(|&pair| !alike(pair)) {
            Some((p, q)) => Err(format!("{p} and {q} are not asked as much, or one of them alone may fail")),
            None => stays(setting, &names),
        };
        match reason {
            Ok(()) => kept.push(names),
            Err(reason) => {
                why_not.get_or_insert_with(|| format!("with {}, {reason}", describe(&names)));
            }
        }
    }
    Ok((kept, why_not))
}

/// Whether a setting stays as it is where processes are named like this; or else why not.
fn stays<P: Process>(setting: &Setting<P>, names: &Names) -> Result<(), String> {
    let cannot = |what: &'static str| move |why: String| format!("{what} cannot be renamed: {why}");
    let parameters = renamed(&setting.parameters, names).map_err(cannot("the parameters"))?;
    if parameters != setting.parameters {
        return Err(format!("the parameters would be {parameters:?}"));
    }
    for (p, requests) in setting.requests.iter().enumerate() {
        let name = names.process(ProcessId(p as u32));
        for (request, there) in requests.iter().zip(&setting.requests[name.index()]) {
            let here = renamed(request, names).map_err(cannot("a request"))?;
            if here != *there {
                return Err(format!("{name} would be asked {here:?}, not {there:?}"));
            }
        }
    }
    let mut lies = BTreeSet::new();
    for lie in &setting.lies {
        lies.insert(renamed(lie, names).map_err(cannot("a lie"))?);
    }
    if lies != setting.lies.iter().cloned().collect() {
        return Err("what may be said by who lies would not be the same".to_owned());
    }
    let side = |of: &[ProcessId]| -> BTreeSet<ProcessId> { of.iter().map(|&p| names.process(p)).collect() };
    let cut = |cut: &Partition| (side(&cut.from), side(&cut.to), cut.one_way);
    let as_it_is = |cut: &Partition| {
        let set = |of: &[ProcessId]| of.iter().copied().collect::<BTreeSet<_>>();
        (set(&cut.from), set(&cut.to), cut.one_way)
    };
    let cuts = setting.environment.cuts.iter().flatten();
    if cuts.clone().map(cut).collect::<BTreeSet<_>>() != cuts.map(as_it_is).collect() {
        return Err("the cuts would not be the same".to_owned());
    }
    Ok(())
}

/// What is beside seats and messages, where processes are named like this.
pub(super) fn renamed_rest(rest: &Rest, names: &Names) -> Rest {
    let seat = |at: &SeatId| seat(names, *at);
    let mut asked = rest.asked.clone();
    for (p, count) in (0..).zip(&rest.asked) {
        asked[names.process(ProcessId(p)).index()] = *count;
    }
    Rest {
        budgets: rest.budgets.clone(),
        asked,
        severed: rest.severed.iter().map(|(a, b)| (seat(a), seat(b))).collect(),
        stopped: rest.stopped.iter().map(seat).collect(),
        omitting: rest.omitting.iter().map(seat).collect(),
        lying: rest.lying.iter().map(seat).collect(),
        // nothing is signed in a world that is reduced
        seen: rest.seen.clone(),
        heard: rest.heard.clone(),
    }
}

/// What an oracle says, where processes are named like this.
pub(super) fn renamed_output(output: Output, names: &Names) -> Output {
    match output {
        Output::Trust(p) => Output::Trust(names.process(p)),
        Output::Suspect(p) => Output::Suspect(names.process(p)),
        Output::Restore(p) => Output::Restore(names.process(p)),
    }
}

/// By number: what it becomes under each permutation. A permutation of an image is the image of both, one after the other:
/// they are kept by the orbit, and what does not agree with what is known is told.
#[derive(Default)]
pub(super) struct Images {
    width: usize,
    of: Vec<u32>,
}

const UNKNOWN: u32 = u32::MAX;

impl Images {
    pub(super) fn of(permutations: &Permutations) -> Self {
        Self { width: permutations.len(), of: Vec::new() }
    }

    /// What a number becomes, by permutation; where that is known.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&[u32]> {
        let from = number as usize * self.width;
        self.of.get(from..from + self.width).filter(|images| images[0] != UNKNOWN)
    }

    /// What a number becomes under a permutation.
    #[inline]
    pub(super) fn under(&self, g: usize, number: u32) -> u32 {
        self.get(number).expect("the images of what was reached are known")[g]
    }

    /// Takes note of a number, the first of the list, with what it becomes under each permutation. One of them that is known
    /// to become something else is the error.
    pub(super) fn add(&mut self, permutations: &Permutations, list: &[u32]) -> Result<(), u32> {
        if self.get(list[0]) == Some(list) {
            return Ok(());
        }
        for (h, &number) in list.iter().enumerate() {
            let row: Vec<u32> = (0..self.width).map(|g| list[permutations.after(g, h)]).collect();
            match self.get(number) {
                Some(known) if known == row => {}
                Some(_) => return Err(number),
                None => {
                    let from = number as usize * self.width;
                    if self.of.len() < from + self.width {
                        self.of.resize(from + self.width, UNKNOWN);
                    }
                    self.of[from..from + self.width].copy_from_slice(&row);
                }
            }
        }
        Ok(())
    }

    pub(super) fn memory(&self) -> u64 {
        (self.of.capacity() * 4) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[u32]) -> Names {
        Names::new(of.iter().copied().map(ProcessId).collect(), [])
    }

    #[test]
    fn permutations_are_a_group_or_none() {
        let all = all_permutations(4, &[]);
        assert_eq!((all.len(), &all[0]), (24, &names(&[0, 1, 2, 3])));
        let with_data = Permutations::group(all_permutations(3, &[Datum(4), Datum(9)])).expect("a group");
        assert_eq!(with_data.len(), 12);
        assert_eq!(with_data.describe(1), "value 4 and value 9 exchanged");
        assert_eq!(with_data.describe(3), "p1 and p2 exchanged, value 4 and value 9 exchanged");
        assert_eq!(with_data.after(1, 1), 0);
        let group = Permutations::group(all).expect("all of them are a group");
        for g in 0..24 {
            assert_eq!((group.after(g, 0), group.after(0, g)), (g, g), "the first changes nothing");
            for h in 0..24 {
                for seat in (0..4).map(SeatId) {
                    let both = group.seat(g, group.seat(h, seat));
                    assert_eq!(both, group.seat(group.after(g, h), seat));
                }
            }
        }
        assert!(Permutations::group(vec![names(&[0, 1, 2]), names(&[1, 2, 0])]).is_none());
        let turns = Permutations::group(vec![names(&[1, 2, 0]), names(&[0, 1, 2]), names(&[2, 0, 1])]);
        assert_eq!(turns.expect("they are").describe(1), "p0 named p1, p1 named p2, p2 named p0");
        assert_eq!(describe(&names(&[0, 2, 1])), "p1 and p2 exchanged");
    }

    #[test]
    fn images_are_kept_by_the_orbit_and_what_does_not_agree_is_told() {
        let turns = vec![names(&[0, 1, 2]), names(&[1, 2, 0]), names(&[2, 0, 1])];
        let turns = Permutations::group(turns).expect("a group");
        let mut images = Images::of(&turns);
        images.add(&turns, &[5, 7, 2]).expect("new");
        assert_eq!(images.get(7), Some(&[7, 2, 5][..]), "turned once more");
        assert_eq!((images.under(2, 2), images.get(3), images.get(900)), (7, None, None));
        images.add(&turns, &[2, 5, 7]).expect("the same orbit");
        assert_eq!(images.add(&turns, &[5, 2, 7]), Err(5), "the other way round");
        images.add(&turns, &[3, 3, 3]).expect("one that no permutation changes");
        // a turn that changes nothing, and another that does
        assert!(images.add(&turns, &[4, 4, 6]).is_err());
    }
}
