//! A history in steps, as far as it matters: who runs when, and in which slot.

/// A step of the history, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Invoke { operation: usize, slot: usize },
    Return { operation: usize, slot: usize },
}

/// The history in steps; each operation has a slot while it is open.
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// Where each step stands among the events.
    pub(crate) events: Vec<usize>,
    /// The return of each operation, in steps.
    pub(crate) ends: Vec<usize>,
    pub(crate) width: usize,
}

impl Plan {
    /// Of so many operations those that matter: each with the events of its invocation and of its return, if it has one.
    pub(crate) fn new(
        operations: usize,
        spans: impl IntoIterator<Item = (usize, usize, Option<usize>)>,
    ) -> Self {
        let mut timed = vec![];
        for (index, invoked, end) in spans {
            timed.push((invoked, index, false));
            timed.extend(end.map(|end| (end, index, true)));
        }
        timed.sort_unstable();
        let mut plan = Self { steps: vec![], events: vec![], ends: vec![usize::MAX; operations], width: 0 };
        let (mut free, mut slots) = (vec![], vec![0; operations]);
        for (event, operation, returns) in timed {
            plan.events.push(event);
            if !returns {
                let slot = free.pop().unwrap_or(plan.width);
                plan.width = plan.width.max(slot + 1);
                slots[operation] = slot;
                plan.steps.push(Step::Invoke { operation, slot });
                continue;
            }
            let slot = slots[operation];
            free.push(slot);
            plan.ends[operation] = plan.steps.len();
            plan.steps.push(Step::Return { operation, slot });
        }
        plan
    }
}
