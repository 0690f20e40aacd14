//! Regular and safe registers, and what clients agree on in the end.

use super::Broken;
use super::accesses::Access;
use super::causal::Found;
use super::explained::{Candidates, Explained, Source};
use std::collections::BTreeMap;

/// When what is not over is over: after all.
const NEVER: usize = usize::MAX;

/// The writes of a key, by when they ran.
#[derive(Default)]
struct Writes {
    /// When each was invoked, ascending.
    invoked: Vec<usize>,
    /// When each whose outcome is known returned, ascending, with the last invocation of those up to it.
    returned: Vec<(usize, usize)>,
}

impl Writes {
    fn of_keys(accesses: &[Access]) -> BTreeMap<usize, Self> {
        let mut keys: BTreeMap<usize, Self> = BTreeMap::new();
        for access in accesses.iter().filter(|access| access.writes()) {
            let writes = keys.entry(access.key).or_default();
            writes.invoked.push(access.invoked);
            writes.returned.extend(access.returned.map(|returned| (returned, access.invoked)));
        }
        for writes in keys.values_mut() {
            writes.invoked.sort_unstable();
            writes.returned.sort_unstable();
            let mut last = 0;
            for (_, invoked) in &mut writes.returned {
                last = last.max(*invoked);
                *invoked = last;
            }
        }
        keys
    }

    /// The last invocation of a write that returned before `event`.
    fn last_invoked_of_over(&self, event: usize) -> Option<usize> {
        let over = self.returned.partition_point(|&(returned, _)| returned < event);
        self.returned[..over].last().map(|&(_, invoked)| invoked)
    }

    /// Whether one other than the operation itself runs at some time while it does.
    fn any_during(&self, access: &Access) -> bool {
        let end = access.returned.unwrap_or(usize::MAX);
        let begun = self.invoked.partition_point(|&invoked| invoked < end);
        let over = self.returned.partition_point(|&(returned, _)| returned < access.invoked);
        begun - over > usize::from(access.writes())
    }
}

/// Checks each read by itself: regular, or only where nothing is written at the same time, safe.
pub(super) fn regular(accesses: &[Access], candidates: &Candidates<'_>, is_safe: bool) -> Found {
    let keys = Writes::of_keys(accesses);
    let none = Writes::default();
    let reads = accesses.iter().enumerate().filter(|(_, access)| access.reads() && access.is_known());
    for (read, access) in reads {
        let writes = keys.get(&access.key).unwrap_or(&none);
        if is_safe && writes.any_during(access) {
            continue;
        }
        let over = writes.last_invoked_of_over(access.invoked);
        let is_overwritten = |source: Source| match (source, over) {
            (Some(write), Some(over)) => accesses[write].returned.is_some_and(|returned| returned < over),
            (None, over) => over.is_some(),
            (Some(_), None) => false,
        };
        let may = |&source: &Source| {
            !is_overwritten(source) && source.is_none_or(|write| !access.precedes(&accesses[write]))
        };
        if candidates.of(read).iter().copied().any(|source| may(&source)) {
            continue;
        }
        let Some(&source) = candidates.of(read).first() else { return Some(Broken::ThinAir { read }) };
        if is_overwritten(source) {
            let by = accesses.iter().position(|by| Some(by.invoked) == over).expect("it was invoked");
            return Some(Broken::Overwritten { client: None, read, source, by });
        }
        let write = source.expect("nothing written is not written later");
        return Some(Broken::Later { read, write });
    }
    None
}

/// Checks that the last reads of clients when all writes of a key were over agree.
pub(super) fn eventual(explained: &Explained<'_>) -> Found {
    let ends = ends(explained);
    for writes in &explained.writes {
        let Some(&write) = writes.first() else { continue };
        let key = explained.accesses[write].key;
        let quiet = writes.iter().map(|&write| ends[write]).max().unwrap_or(NEVER);
        let mut last: Option<(usize, usize)> = None;
        for client in &explained.clients {
            let reads = explained.reads(client).filter(|&(read, _)| {
                let access = &explained.accesses[read];
                access.key == key && access.is_known() && access.invoked > quiet
            });
            let Some((read, source)) = reads.last() else { continue };
            let Some(source) = source else {
                return Some(Broken::Overwritten { client: None, read, source: None, by: write });
            };
            match last {
                Some((other, agreed)) if agreed != source => {
                    return Some(Broken::Disagree { first: other, second: read });
                }
                _ => last = Some((read, source)),
            }
        }
    }
    None
}

/// When each operation that took effect had done so at the latest; of unknown outcome, when one that read it had.
fn ends(explained: &Explained<'_>) -> Vec<usize> {
    let mut ends: Vec<usize> =
        explained.accesses.iter().map(|access| access.returned.unwrap_or(NEVER)).collect();
    loop {
        let mut changed = false;
        for reader in (0..ends.len()).filter(|&reader| explained.effective[reader]) {
            let Some(Some(write)) = explained.sources[reader] else { continue };
            if !explained.accesses[write].is_known() && ends[reader] < ends[write] {
                ends[write] = ends[reader];
                changed = true;
            }
        }
        if !changed {
            return ends;
        }
    }
}
