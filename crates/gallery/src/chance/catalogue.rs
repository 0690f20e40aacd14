//! What the gallery knows of each of its games: a name, a page, constants, questions, and the answers that are known.

use crate::catalogue::{Constant, Constants, Refused};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use synod_check::chance::{AlmostSurely, Explored, Extreme, Game, Interval, Precision, Scope};
use synod_check::{Control, Progress, Unreached};
use synod_properties::Property;

/// A published game.
pub trait PublishedGame: Game<Action: Serialize + DeserializeOwned> + 'static {
    /// Its name, in kebab-case.
    const NAME: &'static str;
    /// The text of its source file, whose head is its page.
    const PAGE: &'static str;
    /// What a user may choose.
    const CONSTANTS: &'static [Constant];
    /// What is asked of it.
    const QUESTIONS: &'static [Question<Self>];
    /// The answers that are known.
    const KNOWN: &'static [Known];

    /// The game with these constants, each within its range.
    fn new(constants: &Constants) -> Result<Self, Refused>;
}

impl Constants {
    /// Those of `G`: the given ones, and the others by default.
    pub fn of_game<G: PublishedGame>(given: &[(&str, u64)]) -> Result<Self, Refused> {
        Self::resolve(G::CONSTANTS, given)
    }
}

/// A question with its name.
pub struct Question<G: Game> {
    /// Its name, in kebab-case.
    pub name: &'static str,
    /// What is asked.
    pub asks: Asks<G>,
}

/// A set of states.
pub type Goal<G> = fn(&G, &<G as Game>::State) -> bool;

/// What is asked about a goal.
pub enum Asks<G: Game> {
    /// Is it reached with probability 1, whatever the adversary does?
    Surely(Goal<G>),
    /// How probable is it, at the least or at the most?
    Probability(Extreme, Goal<G>),
    /// What is expected to be spent until then, at the least or at the most?
    Expected(Extreme, Goal<G>, fn(&G, &G::State, &G::Action) -> u32),
}

impl<G: Game> Clone for Asks<G> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<G: Game> Copy for Asks<G> {}

/// Answers that are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// The constants, as far as they are not the default ones.
    pub constants: &'static [(&'static str, u64)],
    /// Distinct states, where the number is known.
    pub states: Option<u64>,
    /// By question: the number; 1 for what is sure, 0 for what is not.
    pub answers: &'static [(&'static str, f64)],
    /// How far the number may be off: by the digits with which it was published.
    pub within: f64,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    /// Whether it is sure.
    Surely(bool),
    /// The number.
    Value(Interval),
}

impl Found {
    /// Whether the answer is this number, or within so much of it.
    pub fn is(self, known: f64, within: f64) -> bool {
        match self {
            Self::Surely(sure) => f64::from(u8::from(sure)).total_cmp(&known).is_eq(),
            Self::Value(Interval { low, high }) => low <= known + within && known - within <= high,
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Surely(true) => f.write_str("with probability 1, whatever the adversary does"),
            Self::Surely(false) => f.write_str("not with probability 1: an adversary keeps away from it"),
            Self::Value(value) => value.fmt(f),
        }
    }
}

/// What an analysis of a game found, whatever its states are.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The constants it was analysed with.
    pub constants: Constants,
    /// How large it is.
    pub scope: Scope,
    /// By question, in order.
    pub answers: Vec<(&'static str, Found)>,
    /// By question: how an adversary keeps away, where one does, as lines.
    pub escapes: Vec<(&'static str, Vec<String>)>,
    /// What no run comes to.
    pub unreached: Vec<Unreached>,
}

impl Findings {
    /// The answer to the question of this name.
    ///
    /// # Panics
    /// If there is no such question.
    pub fn answer(&self, name: &str) -> Found {
        let found = self.answers.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("no question {name}")).1
    }
}

/// How an entry is analysed.
type Analyse = fn(
    &Constants,
    u64,
    Precision,
    &mut dyn FnMut(&Progress) -> Control,
) -> Result<Result<Findings, Progress>, Refused>;

/// A game of the gallery, whatever its states are.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name, in kebab-case.
    pub name: &'static str,
    /// The text of its source file, whose head is its page.
    pub page: &'static str,
    /// What a user may choose.
    pub constants: &'static [Constant],
    /// The answers that are known.
    pub known: &'static [Known],
    claims: fn() -> Vec<Property>,
    analyse: Analyse,
}

impl Entry {
    /// The entry of a game.
    pub const fn of<G: PublishedGame>() -> Self {
        Self {
            name: G::NAME,
            page: G::PAGE,
            constants: G::CONSTANTS,
            known: G::KNOWN,
            claims: claims::<G>,
            analyse: analyse::<G>,
        }
    }

    /// What is asked to be sure, as properties: each is claimed with probability 1.
    pub fn claims(&self) -> Vec<Property> {
        (self.claims)()
    }

    /// What is known of it with these constants.
    pub fn known(&self, constants: &Constants) -> Option<&'static Known> {
        self.known.iter().find(|k| Constants::resolve(self.constants, k.constants).as_ref() == Ok(constants))
    }

    /// Explores it and answers its questions.
    ///
    /// # Errors
    /// If there is no such game; within, if it has more than `states_max` states or `progress` stops it.
    pub fn analyse(
        &self,
        given: &[(&str, u64)],
        states_max: u64,
        precision: Precision,
        progress: &mut dyn FnMut(&Progress) -> Control,
    ) -> Result<Result<Findings, Progress>, Refused> {
        let constants = Constants::resolve(self.constants, given)?;
        (self.analyse)(&constants, states_max, precision, progress)
    }
}

fn claims<G: PublishedGame>() -> Vec<Property> {
    let sure = G::QUESTIONS.iter().filter(|q| matches!(q.asks, Asks::Surely(_)));
    sure.map(|q| Property::liveness(q.name, "with probability 1")).collect()
}

fn analyse<G: PublishedGame>(
    constants: &Constants,
    states_max: u64,
    precision: Precision,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Result<Result<Findings, Progress>, Refused> {
    let game = G::new(constants)?;
    let explored = match Explored::new(&game, states_max, progress) {
        Ok(explored) => explored,
        Err(stopped) => return Ok(Err(stopped)),
    };
    let (mut answers, mut escapes) = (Vec::new(), Vec::new());
    for Question { name, asks } in G::QUESTIONS {
        let found = match *asks {
            Asks::Surely(goal) => match explored.almost_surely(|state| goal(&game, state)) {
                AlmostSurely::Holds => Found::Surely(true),
                AlmostSurely::Escapes(escape) => {
                    escapes.push((*name, escape.lines()));
                    Found::Surely(false)
                }
            },
            Asks::Probability(extreme, goal) => {
                Found::Value(explored.probability(extreme, |state| goal(&game, state), precision).value)
            }
            Asks::Expected(extreme, goal, reward) => {
                let answer = explored.expected(
                    extreme,
                    |state| goal(&game, state),
                    |state, action| reward(&game, state, action),
                    precision,
                );
                Found::Value(answer.value)
            }
        };
        answers.push((*name, found));
    }
    let (scope, unreached) = (explored.scope(), explored.unreached());
    Ok(Ok(Findings { constants: constants.clone(), scope, answers, escapes, unreached }))
}
