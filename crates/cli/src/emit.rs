//! Code made of traces.

use synod_kernel::trace::{self, Broken};

/// A trace of more lines is not put into a test, but beside it.
pub const INLINE_LINES_MAX: usize = 200;

/// The code of a test that takes the steps of a trace again: `subject` is the algorithm as the compiler calls it, `file` where the
/// trace is, seen from the test.
pub fn regression_test(
    algorithm: &str,
    subject: &str,
    is_twin: bool,
    broken: &Broken,
    content: &str,
    file: &str,
) -> String {
    let word = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
    };
    let (verb, assertion) = if is_twin { ("breaks", "assert_broken") } else { ("keeps", "assert_repaired") };
    let digest = trace::name(content);
    let test = format!("{}_{verb}_{}_{}", word(algorithm), word(&broken.property), &digest[..8]);
    let trace = if content.lines().count() > INLINE_LINES_MAX {
        format!("include_str!({file:?})")
    } else {
        raw(content)
    };
    let what = broken.what.replace('\n', " ");
    format!(
        "/// {property}: {what}\n\
         #[test]\n\
         fn {test}() {{\n    \
             // inside of its own crate: `crate` in place of the crate's name\n    \
             type Subject = {subject};\n    \
             let trace = {trace};\n    \
             synod::properties::regression::{assertion}::<Subject>(trace);\n\
         }}\n",
        property = broken.property,
    )
}

/// A raw string.
fn raw(content: &str) -> String {
    let mut hashes = "#".to_owned();
    while content.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("r{hashes}\"{content}\"{hashes}")
}
