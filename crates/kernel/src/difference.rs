//! How two lines differ that should be the same: field by field.

use serde_json::Value;
use std::fmt::Write;

/// So many fields are told.
const FIELDS: usize = 8;
/// Of a value, so many characters.
const CHARACTERS: usize = 200;

/// A field that differs, with what it is in either.
struct Field<'a> {
    path: String,
    one: Option<&'a Value>,
    other: Option<&'a Value>,
}

/// Tells how two JSON texts differ, each field in lines of its own: its path, and what it is in either, under these names. Where one is
/// no JSON, or they differ in how they are written alone, both stand there whole.
pub fn tell([one, other]: [&str; 2], names: [&str; 2]) -> String {
    let both = |one: &str, other: &str| format!("  {}: {one}\n  {}: {other}", names[0], names[1]);
    let (Ok(a), Ok(b)) = (serde_json::from_str::<Value>(one), serde_json::from_str::<Value>(other)) else {
        return both(one, other);
    };
    let mut fields = Vec::new();
    compare(String::new(), Some(&a), Some(&b), &mut fields);
    if fields.is_empty() || fields[0].path.is_empty() {
        return both(one, other);
    }
    let width = names[0].len().max(names[1].len()) + 1;
    let mut told = Vec::new();
    for Field { path, one, other } in fields.iter().take(FIELDS) {
        let [a, b] = [one, other].map(|value| value.map_or_else(|| "nothing".to_owned(), short));
        let [first, second] = names.map(|name| format!("{name}:"));
        told.push(format!("  {path}\n    {first:<width$} {a}\n    {second:<width$} {b}"));
    }
    let mut text = told.join("\n");
    if fields.len() > FIELDS {
        let more = fields.len() - FIELDS;
        let _ = write!(text, "\n  and {more} {} more", if more == 1 { "field" } else { "fields" });
    }
    text
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}

fn compare<'a>(path: String, one: Option<&'a Value>, other: Option<&'a Value>, fields: &mut Vec<Field<'a>>) {
    match (one, other) {
        (one, other) if one == other => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let more = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(more) {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(below, a.get(key), b.get(key), fields);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for at in 0..a.len().max(b.len()) {
                compare(format!("{path}[{at}]"), a.get(at), b.get(at), fields);
            }
        }
        (one, other) => fields.push(Field { path, one, other }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 2] = ["recorded", "now"];

    #[test]
    fn what_differs_is_told_by_its_path() {
        let one = r#"{"step":3,"do":{"fire":{"seat":0}},"effects":[{"Send":{"to":1,"message":7}}]}"#;
        let other = r#"{"step":3,"do":{"fire":{"seat":0}},"effects":[{"Send":{"to":1,"message":8}},{"Store":1}],"cut":null}"#;
        assert_eq!(
            tell([one, other], NAMES),
            "  effects[0].Send.message\n    recorded: 7\n    now:      8\n  \
             effects[1]\n    recorded: nothing\n    now:      {\"Store\":1}\n  \
             cut\n    recorded: nothing\n    now:      null"
        );
    }

    #[test]
    fn what_has_no_fields_stands_whole() {
        assert_eq!(tell(["1", "2"], NAMES), "  recorded: 1\n  now: 2");
        assert_eq!(tell(["{\"a\":1}", "{\"a\": 1}"], NAMES), "  recorded: {\"a\":1}\n  now: {\"a\": 1}");
        assert_eq!(tell(["{", "{}"], NAMES), "  recorded: {\n  now: {}");
    }

    #[test]
    fn many_fields_and_long_ones_are_cut_short() {
        let list = |k: usize| serde_json::to_string(&vec![vec![k]; 20]).unwrap();
        assert!(tell([&list(1), &list(2)], NAMES).ends_with("and 12 fields more"));
        let long = |c: &str| format!("[{:?}]", c.repeat(1000));
        let told = tell([&long("ä"), &long("b")], NAMES);
        assert!(told.len() < 1000 && told.contains("ää.."), "{told}");
    }
}
