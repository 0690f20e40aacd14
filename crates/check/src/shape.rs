//! Why there are so many states: which part of the world, and which field of a process, takes how many values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// How many different values a part of the world took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What: "p1's field `ballot`", "messages `Prepare`".
    pub what: String,
    /// How many values.
    pub values: u64,
}

/// By name: the values that were seen, as text.
#[derive(Default)]
pub(crate) struct Shape(BTreeMap<String, BTreeSet<String>>);

impl Shape {
    /// Counts the fields of a value whose `Debug` is derived: those of a struct, or of a variant by its name.
    pub(crate) fn add_fields(&mut self, of: &str, value: &impl Debug) {
        let text = format!("{value:?}");
        let (name, fields) = split(&text);
        for (at, field) in fields.iter().enumerate() {
            let (field, value) = match field.split_once(": ") {
                Some((field, value)) if is_name(field) => (field.to_owned(), value),
                _ => (format!("{name}.{at}"), *field),
            };
            self.0.entry(format!("{of} `{field}`")).or_default().insert(value.to_owned());
        }
    }

    /// Counts a value by its kind: the variant's name.
    pub(crate) fn add_kind(&mut self, of: &str, value: &impl Debug) {
        let text = format!("{value:?}");
        let kind = split(&text).0.to_owned();
        self.0.entry(format!("{of} `{kind}`")).or_default().insert(text);
    }

    /// The parts that took more than one value, most values first.
    pub(crate) fn ranked(self) -> Vec<Part> {
        let parts = self.0.into_iter().map(|(what, values)| Part { what, values: values.len() as u64 });
        let mut parts: Vec<Part> = parts.filter(|part| part.values > 1).collect();
        parts.sort_by(|a, b| b.values.cmp(&a.values).then_with(|| a.what.cmp(&b.what)));
        parts
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The name before the first bracket, and what stands between the outermost brackets, split at its own commas.
fn split(text: &str) -> (&str, Vec<&str>) {
    let Some(open) = text.find(['{', '(']) else { return (text.trim(), Vec::new()) };
    let inside = text[open + 1..].trim_end().trim_end_matches(['}', ')']);
    let (mut fields, mut depth, mut start, mut quoted) = (Vec::new(), 0_u32, 0, false);
    for (at, c) in inside.char_indices() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                fields.push(inside[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    fields.push(inside[start..].trim());
    fields.retain(|field| !field.is_empty());
    (text[..open].trim(), fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug")]
    enum Role {
        Server { ballot: (u32, u32), log: Vec<u8>, name: &'static str },
        Client(u8),
    }

    #[test]
    fn fields_are_told_apart_also_where_they_have_brackets_and_commas_of_their_own() {
        let mut shape = Shape::default();
        for round in 0..5 {
            shape.add_fields("p0's", &Role::Server { ballot: (round, 1), log: vec![1, 2], name: "a, {b" });
            shape.add_fields("p1's", &Role::Client(round as u8 % 2));
            shape.add_kind("messages", &Role::Client(round as u8));
        }
        let ranked: Vec<_> = shape.ranked().into_iter().map(|part| (part.what, part.values)).collect();
        let expected = [("messages `Client`", 5), ("p0's `ballot`", 5), ("p1's `Client.0`", 2)];
        assert_eq!(ranked, expected.map(|(what, values)| (what.to_owned(), values)));
    }
}
