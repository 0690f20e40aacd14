//! What an algorithm costs, as its page states it: a formula that can be evaluated, and held against what is measured.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

/// What is counted. Messages to oneself never are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Messages that are sent on account of the operation, also after it is done.
    Messages,
    /// The longest chain of messages, each sent on account of the one before it, from the request to what completes it.
    Delays,
    /// The same to the last that any process tells the layer above.
    DelaysToAll,
    /// Writes to stable storage.
    Writes,
    /// Rounds until all have ended, of an algorithm in lock-step rounds.
    Rounds,
}

impl Metric {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Messages, Self::Delays, Self::DelaysToAll, Self::Writes, Self::Rounds];

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Delays => "message delays",
            Self::DelaysToAll => "message delays to all",
            Self::Writes => "stable writes",
            Self::Rounds => "rounds",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Of what it is the cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Per {
    /// Of an operation, of any kind, without failures.
    Operation,
    /// Of a period of so many milliseconds in which nothing is asked.
    Period(u64),
}

/// A cost that is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost {
    /// What is counted.
    pub metric: Metric,
    /// How much it is: see [`evaluate`].
    pub formula: &'static str,
    /// Of what.
    pub per: Per,
}

impl Cost {
    /// So much an operation.
    pub const fn operation(metric: Metric, formula: &'static str) -> Self {
        Self { metric, formula, per: Per::Operation }
    }

    /// So much in every period of so many milliseconds.
    pub const fn period(metric: Metric, formula: &'static str, milliseconds: u64) -> Self {
        Self { metric, formula, per: Per::Period(milliseconds) }
    }
}

/// Why a formula has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormulaError {
    /// It is not one: what was expected there, at this character.
    Malformed {
        /// What.
        expected: &'static str,
        /// How many characters come before.
        at: usize,
    },
    /// A name in it has no value.
    Unknown(String),
    /// Its value is out of bounds, or it divides by zero.
    OutOfBounds,
}

impl fmt::Display for FormulaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { expected, at } => write!(f, "{expected} is expected at character {}", at + 1),
            Self::Unknown(name) => write!(f, "`{name}` has no value"),
            Self::OutOfBounds => f.write_str("its value is out of bounds"),
        }
    }
}

impl std::error::Error for FormulaError {}

/// The value of a formula such as `2(n - 1)`, `n^2 - 1`, `n / 2 + 1` or `1 + pulses`: numbers, names, parentheses, sums,
/// products (also without a sign between them), quotients (rounded down) and powers. `value_of` knows the names.
///
/// # Errors
/// If it is malformed, a name has no value, or it is out of bounds.
pub fn evaluate(formula: &str, value_of: &dyn Fn(&str) -> Option<i64>) -> Result<i64, FormulaError> {
    let mut parser = Parser { rest: formula.chars().peekable(), at: 0, value_of };
    let value = parser.sum()?;
    match parser.look() {
        None => Ok(value),
        Some(_) => Err(parser.expected("the end")),
    }
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    at: usize,
    value_of: &'a dyn Fn(&str) -> Option<i64>,
}

impl Parser<'_> {
    /// The next character that is not a space.
    fn look(&mut self) -> Option<char> {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {
            self.at += 1;
        }
        self.rest.peek().copied()
    }

    fn skip(&mut self) {
        self.rest.next();
        self.at += 1;
    }

    fn expected(&self, expected: &'static str) -> FormulaError {
        FormulaError::Malformed { expected, at: self.at }
    }

    fn sum(&mut self) -> Result<i64, FormulaError> {
        let mut value = self.product()?;
        loop {
            let (by, value_now): (fn(i64, i64) -> Option<i64>, _) = match self.look() {
                Some('+') => (i64::checked_add, value),
                Some('-') => (i64::checked_sub, value),
                _ => return Ok(value),
            };
            self.skip();
            value = by(value_now, self.product()?).ok_or(FormulaError::OutOfBounds)?;
        }
    }

    fn product(&mut self) -> Result<i64, FormulaError> {
        let mut value = self.power()?;
        loop {
            let by: fn(i64, i64) -> Option<i64> = match self.look() {
                Some('*') => i64::checked_mul,
                Some('/') => i64::checked_div_euclid,
                Some(c) if c == '(' || c.is_alphanumeric() => {
                    value = value.checked_mul(self.power()?).ok_or(FormulaError::OutOfBounds)?;
                    continue;
                }
                _ => return Ok(value),
            };
            self.skip();
            value = by(value, self.power()?).ok_or(FormulaError::OutOfBounds)?;
        }
    }

    fn power(&mut self) -> Result<i64, FormulaError> {
        let base = self.atom()?;
        if self.look() != Some('^') {
            return Ok(base);
        }
        self.skip();
        let exponent = u32::try_from(self.atom()?).map_err(|_| FormulaError::OutOfBounds)?;
        base.checked_pow(exponent).ok_or(FormulaError::OutOfBounds)
    }

    fn atom(&mut self) -> Result<i64, FormulaError> {
        match self.look() {
            Some('(') => {
                self.skip();
                let value = self.sum()?;
                if self.look() != Some(')') {
                    return Err(self.expected("`)`"));
                }
                self.skip();
                Ok(value)
            }
            Some(c) if c.is_ascii_digit() => {
                self.word(|c| c.is_ascii_digit()).parse().map_err(|_| FormulaError::OutOfBounds)
            }
            Some(c) if c.is_alphabetic() => {
                let name = self.word(char::is_alphabetic);
                (self.value_of)(&name).ok_or(FormulaError::Unknown(name))
            }
            _ => Err(self.expected("a number, a name or `(`")),
        }
    }

    fn word(&mut self, of: fn(char) -> bool) -> String {
        let word: String = std::iter::from_fn(|| self.rest.next_if(|&c| of(c))).collect();
        self.at += word.chars().count();
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(formula: &str, n: i64) -> Result<i64, FormulaError> {
        evaluate(formula, &|name| (name == "n").then_some(n))
    }

    #[test]
    fn formulas_are_what_they_are_on_paper() {
        for (formula, value) in [
            ("n", 5),
            ("2(n - 1)", 8),
            ("n(n - 1)", 20),
            ("(n - 1)(n + 1)", 24),
            ("n^2 - 1", 24),
            ("2n^2 - n - 1", 44),
            ("n / 2 + 1", 3),
            ("10 - 2 - 3", 5),
            ("2 * (n - 2) n", 30),
        ] {
            assert_eq!(at(formula, 5), Ok(value), "{formula}");
        }
    }

    #[test]
    fn what_is_no_formula_is_refused_with_its_place() {
        let malformed = |expected, at| Err(FormulaError::Malformed { expected, at });
        assert_eq!(at("2(n - 1", 5), malformed("`)`", 7));
        assert_eq!(at("n +", 5), malformed("a number, a name or `(`", 3));
        assert_eq!(at("n) + 1", 5), malformed("the end", 1));
        assert_eq!(at("2 m", 5), Err(FormulaError::Unknown("m".to_owned())));
        assert_eq!(at("1 / (n - 5)", 5), Err(FormulaError::OutOfBounds));
        assert_eq!(at("n^99", 5), Err(FormulaError::OutOfBounds));
    }
}
