//! Code made of traces.

use synod_kernel::trace::{self, Broken};

/// A trace of more lines is not put into a test, but beside it.
pub const INLINE_LINES_MAX: usize = 200;

/// The algorithms of the library are subjects of the program, which no crate can name: it judges their traces.
const OF_THE_PROGRAM: &str = "synod::subjects::";

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
    // by itself, or on transformers
    if subject.starts_with(OF_THE_PROGRAM) || subject.contains(&format!("<{OF_THE_PROGRAM}")) {
        return by_the_program(&test, is_twin, (&broken.property, &what), &trace);
    }
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

/// The same for an algorithm of the library: it needs no crate, but the program.
fn by_the_program(test: &str, is_twin: bool, (property, what): (&str, &str), trace: &str) -> String {
    let (code, wrong) = if is_twin { (1, "is broken no more") } else { (0, "is broken again") };
    format!(
        "/// {property}: {what}\n\
         #[test]\n\
         fn {test}() {{\n    \
             // an algorithm of the library: the program takes the steps, which SYNOD names where it is not in the PATH\n    \
             let trace = {trace};\n    \
             let file = std::env::temp_dir().join(format!(\"{test}-{{}}.jsonl\", std::process::id()));\n    \
             std::fs::write(&file, trace).expect(\"a place for the trace\");\n    \
             let program = std::env::var(\"SYNOD\").unwrap_or_else(|_| \"synod\".to_owned());\n    \
             let mut replay = std::process::Command::new(program);\n    \
             let ran = replay.args([\"replay\", \"--lenient\"]).arg(&file).output().expect(\"the program `synod`\");\n    \
             std::fs::remove_file(&file).expect(\"it is ours\");\n    \
             let said = String::from_utf8_lossy(&ran.stdout);\n    \
             assert_eq!(ran.status.code(), Some({code}), \"{property} {wrong}: {{said}}\");\n\
         }}\n"
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
