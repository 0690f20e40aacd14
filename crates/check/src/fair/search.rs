//! The emptiness check: which states lie on a loop that is fair.

use super::components::Partition;
use super::lasso::shortest;
use super::{Answer, Bits, Fairness, Graph, Question};

/// Looks for a fair run.
///
/// Linear in the edges of the region for each nested round (see the module); twelve bytes a state besides what the search's
/// own stacks hold, and two bits.
///
/// # Panics
/// If the region is a set of 2^31 states or more.
pub fn find(graph: &Graph, question: &Question<'_>) -> Answer {
    let mut partition = Partition::new(question);
    let mut judge = Judge::new(graph, question);
    let mut pieces = Vec::new();
    let roots = question.from.iter().filter(|&state| question.region.get(state));
    partition.split(graph, question, roots, &mut pieces, &mut |state| judge.alone(state));
    while let Some(piece) = pieces.pop() {
        match judge.judge(partition.states(piece), &|a, b| partition.together(a, b)) {
            Judgement::Fair => partition.states(piece).iter().for_each(|&state| judge.fair.insert(state)),
            Judgement::Unfair => {}
            Judgement::Without(refused) => {
                let mut keep = |state| refused.keeps(graph, state);
                let mut alone = |state| judge.alone(state);
                partition.split_again(graph, question, piece, &mut keep, &mut pieces, &mut alone);
            }
        }
    }
    match (judge.fair.is_empty(), judge.open) {
        (false, _) => Answer::Found(shortest(graph, question, &judge.fair, &partition)),
        (true, Some((reason, state))) => Answer::Open { state, reason },
        (true, None) => Answer::None,
    }
}

/// What is known of a strongly connected set of states.
enum Judgement {
    /// A run that visits all its states and edges for ever is fair.
    Fair,
    /// No run that stays within is.
    Unfair,
    /// A fair run that stays within visits only what is kept from some point on.
    Without(Refused),
}

/// What a fair run does not visit for ever: states whose edges are not all known, and those where one of these labels is
/// enabled.
struct Refused(Vec<u32>);

impl Refused {
    fn keeps(&self, graph: &Graph, state: u32) -> bool {
        graph.reason(state).is_none()
            && graph.edges(state).all(|edge| self.0.binary_search(&graph.label(edge)).is_err())
    }
}

/// What is counted of a class within a component.
#[derive(Clone, Copy, Default)]
struct Tally {
    /// In how many of its states the class is enabled.
    enabled: u32,
    /// One more than the place, within the component, of the state that was counted last.
    last: u32,
    taken: bool,
}

struct Judge<'a> {
    graph: &'a Graph,
    question: &'a Question<'a>,
    /// By label: all zero between two components.
    tallies: Vec<Tally>,
    /// The labels whose tallies are not zero.
    touched: Vec<u32>,
    /// The states of fair components.
    fair: Bits,
    /// The reason why runs go on into the unknown, and where.
    open: Option<(u8, u32)>,
}

impl<'a> Judge<'a> {
    fn new(graph: &'a Graph, question: &'a Question<'a>) -> Self {
        Self {
            graph,
            question,
            tallies: vec![Tally::default(); question.classes.len()],
            touched: Vec::new(),
            fair: Bits::none(question.region.states()),
            open: None,
        }
    }

    fn alone(&mut self, state: u32) {
        if matches!(self.judge(&[state], &|a, b| a == b), Judgement::Fair) {
            self.fair.insert(state);
        }
    }

    fn judge(&mut self, component: &[u32], together: &impl Fn(u32, u32) -> bool) -> Judgement {
        let mut accepted = self.question.accepting.is_none();
        let mut known = true;
        for (place, &state) in component.iter().enumerate() {
            accepted |= self.question.accepting.is_some_and(|a| a.get(state));
            known &= self.count(place as u32, state, together);
        }
        let judgement = self.weigh(component.len() as u32, known);
        self.touched.drain(..).for_each(|label| self.tallies[label as usize] = Tally::default());
        if accepted { judgement } else { Judgement::Unfair }
    }

    /// Counts the classes of a state's edges; whether all its edges are known.
    fn count(&mut self, place: u32, state: u32, together: &impl Fn(u32, u32) -> bool) -> bool {
        let reason = self.graph.reason(state);
        let mut open = reason;
        for edge in self.graph.edges(state) {
            let label = self.graph.label(edge);
            let class = self.question.class(label);
            let target = self.graph.target(edge);
            if target.is_none() && !class.forbidden {
                open = open.or(Some(0));
            }
            if class.fairness == Fairness::None {
                continue;
            }
            let tally = &mut self.tallies[label as usize];
            if tally.last == 0 {
                self.touched.push(label);
            }
            if tally.last != place + 1 {
                tally.last = place + 1;
                tally.enabled += 1;
            }
            tally.taken = tally.taken
                || !class.forbidden
                    && target.is_some_and(|t| self.question.region.get(t) && together(state, t));
        }
        if let Some(reason) = open {
            self.note(reason, state);
        }
        reason.is_none()
    }

    fn note(&mut self, reason: u8, state: u32) {
        let better = |&(r, s): &(u8, u32)| reason > r || reason == r && state < s;
        if self.open.as_ref().is_none_or(better) {
            self.open = Some((reason, state));
        }
    }

    fn weigh(&self, states: u32, known: bool) -> Judgement {
        let mut refused = Vec::new();
        for &label in &self.touched {
            let tally = self.tallies[label as usize];
            match self.question.class(label).fairness {
                Fairness::Weak if !tally.taken && tally.enabled == states => return Judgement::Unfair,
                Fairness::Strong if !tally.taken => refused.push(label),
                _ => {}
            }
        }
        refused.sort_unstable();
        if known && refused.is_empty() { Judgement::Fair } else { Judgement::Without(Refused(refused)) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::components::Piece;
    use super::*;

    #[test]
    fn a_piece_is_taken_apart_in_place() {
        // a ring of six, and a chord that keeps 0, 1, 2 together once 4 is gone
        let mut graph = Graph::new();
        for state in 0..6 {
            graph.open(state);
            graph.edge((state + 1) % 6, 0);
            if state == 2 {
                graph.edge(0, 0);
            }
        }
        let all = Bits::all(6);
        let question = Question { region: &all, from: &all, accepting: None, classes: &[], levels: &[] };
        let mut partition = Partition::new(&question);
        let (mut pieces, mut alone): (Vec<Piece>, Vec<u32>) = (Vec::new(), Vec::new());
        partition.split(&graph, &question, 0..1, &mut pieces, &mut |s| alone.push(s));
        assert_eq!((pieces.len(), &alone[..]), (1, &[][..]));
        let whole = pieces.pop().expect("one");
        partition.split_again(&graph, &question, whole, &mut |s| s != 4, &mut pieces, &mut |s| alone.push(s));
        alone.sort_unstable();
        assert_eq!((pieces.len(), &alone[..]), (1, &[3, 5][..]));
        let mut left = partition.states(pieces[0]).to_vec();
        left.sort_unstable();
        assert_eq!(left, [0, 1, 2]);
        assert!(partition.together(0, 2) && !partition.together(3, 5) && partition.together(4, 4));
    }
}
