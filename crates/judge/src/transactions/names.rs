//! Keys and values as small numbers.

use crate::value::Value;
use rustc_hash::FxHashMap;

/// Whole numbers from here on stand for themselves; below are the numbers of all other values.
const LOWEST: i64 = i64::MIN + (1 << 32);

/// A count as a value.
pub(super) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What keys and values are called.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    keys: Vec<Value>,
    integer_keys: FxHashMap<i64, u32>,
    other_keys: FxHashMap<Value, u32>,
    others: Vec<Value>,
    other_codes: FxHashMap<Value, i64>,
}

impl Names {
    /// The number of a key.
    pub(super) fn key(&mut self, key: &Value) -> u32 {
        let next = self.keys.len() as u32;
        let number = match key {
            Value::Integer(integer) => *self.integer_keys.entry(*integer).or_insert(next),
            other => match self.other_keys.get(other) {
                Some(&known) => known,
                None => *self.other_keys.entry(other.clone()).or_insert(next),
            },
        };
        if number == next {
            self.keys.push(key.clone());
        }
        number
    }

    /// The number of a value.
    pub(super) fn code(&mut self, value: &Value) -> i64 {
        match value {
            Value::Integer(integer) if *integer >= LOWEST => *integer,
            other => {
                if let Some(&known) = self.other_codes.get(other) {
                    return known;
                }
                let code = i64::MIN + number(self.others.len());
                self.others.push(other.clone());
                self.other_codes.insert(other.clone(), code);
                code
            }
        }
    }

    /// How many keys there are.
    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// The key of a number.
    pub(super) fn key_name(&self, key: u32) -> &Value {
        &self.keys[key as usize]
    }

    /// The value of a number.
    pub(super) fn value(&self, code: i64) -> Value {
        if code >= LOWEST { Value::Integer(code) } else { self.others[(code - i64::MIN) as usize].clone() }
    }
}
