//! A lasso, checked anew against the definition of a fair run.

use super::{Fairness, Graph, Lasso, Question, Step};

impl Lasso {
    /// Whether this is a run that was asked for: its steps follow one another, stay in the region and are not forbidden,
    /// and its loop is fair. Shares nothing with the search that found it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify(&self, graph: &Graph, question: &Question<'_>) -> Result<(), String> {
        if !question.from.get(self.start) || !question.region.get(self.start) {
            return Err(format!("the run starts in {}, which it may not", self.start));
        }
        let knot = follow(graph, question, self.start, &self.stem)?;
        let end = follow(graph, question, knot, &self.cycle)?;
        if knot != self.knot || end != knot {
            return Err(format!(
                "the loop is said to begin in {}, begins in {knot}, ends in {end}",
                self.knot
            ));
        }
        let visited: Vec<u32> = std::iter::once(knot).chain(self.cycle.iter().map(|s| s.state)).collect();
        if let Some(state) = visited.iter().find(|&&state| graph.reason(state).is_some()) {
            return Err(format!("the edges of state {state} are not all known"));
        }
        if question.accepting.is_some_and(|a| visited.iter().all(|&state| !a.get(state))) {
            return Err("the loop visits no accepting state".to_owned());
        }
        self.owes(graph, question, &visited)
    }

    fn owes(&self, graph: &Graph, question: &Question<'_>, visited: &[u32]) -> Result<(), String> {
        let taken: Vec<u32> = self.cycle.iter().map(|step| graph.label(step.place(graph))).collect();
        let enabled = |state: u32, label| graph.edges(state).any(|edge| graph.label(edge) == label);
        for label in 0..question.classes.len() as u32 {
            let unfair = !taken.contains(&label)
                && match question.class(label).fairness {
                    Fairness::None => false,
                    Fairness::Weak => visited.iter().all(|&state| enabled(state, label)),
                    Fairness::Strong => visited.iter().any(|&state| enabled(state, label)),
                };
            if unfair {
                return Err(format!("the loop passes over class {label}"));
            }
        }
        Ok(())
    }
}

/// Where these steps lead.
fn follow(graph: &Graph, question: &Question<'_>, start: u32, steps: &[Step]) -> Result<u32, String> {
    steps.iter().try_fold(start, |at, step| {
        let edge = step.place(graph);
        if step.state != at || !graph.edges(at).contains(&edge) {
            return Err(format!("{step:?} is no step from {at}"));
        }
        match graph.target(edge) {
            Some(target) if question.region.get(target) && !question.class(graph.label(edge)).forbidden => {
                Ok(target)
            }
            target => Err(format!("{step:?} may not be taken to {target:?}")),
        }
    })
}
