//! The workspace keeps its own rules; and each rule would notice.

use synod_tidy::{
    Crate, Source, Tree, algorithm_pages, architecture, forbidden_words, grounds_and_algorithms, heads, io,
    lengths, marks, third_party,
};

#[track_caller]
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

fn every(sources: &[Source], rule: fn(&Source) -> Vec<String>) -> Vec<String> {
    assert!(!sources.is_empty(), "there are sources to look at");
    sources.iter().flat_map(rule).collect()
}

#[test]
fn every_source_says_at_its_head_what_it_is() {
    none(&every(&Tree::here().sources(), heads));
}

#[test]
fn every_algorithms_page_has_its_six_headings() {
    none(&every(&Tree::here().sources(), algorithm_pages));
}

#[test]
fn every_mark_of_an_algorithm_is_listed_and_reached() {
    none(&every(&Tree::here().sources(), marks));
}

#[test]
fn nothing_is_promised_for_later_or_speaks_of_elsewhere() {
    let tree = Tree::here();
    none(&every(&tree.sources(), forbidden_words));
    none(&every(&tree.documents(), forbidden_words));
}

#[test]
fn no_file_grows_without_end() {
    none(&every(&Tree::here().sources(), lengths));
}

#[test]
fn the_outside_world_belongs_to_the_runtime_and_the_command_line() {
    none(&every(&Tree::here().sources(), io));
}

#[test]
fn the_dependency_table_is_that_of_the_manifests() {
    let tree = Tree::here();
    let document = tree.read("ARCHITECTURE.md");
    none(&architecture(&document, &tree.crates()));
    none(&third_party(&document, &tree.crates()));
}

#[test]
fn no_ground_names_an_algorithm_nor_the_reverse() {
    none(&grounds_and_algorithms(&Tree::here().crates()));
}

#[test]
fn what_the_readme_tells_to_run_is_what_a_change_must_pass() {
    let tree = Tree::here();
    let (readme, ci) = (tree.read("README.md"), tree.read(".ci/run"));
    assert!(readme.contains("cargo run --release"));
    for text in [&readme, &ci] {
        assert!(text.contains("cargo test --workspace"));
    }
}

#[test]
fn the_documents_that_a_newcomer_looks_for_are_there() {
    let tree = Tree::here();
    for path in
        ["GLOSSARY.md", "STYLE.md", "CONTRIBUTING.md", "LICENSE-MIT", "LICENSE-APACHE", "docs/models.md"]
    {
        assert!(tree.read(path).len() > 500, "{path}");
    }
    assert!(tree.read("CHANGELOG.md").contains("\n## Unreleased\n"));
}

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn a_source_without_a_head_is_noticed() {
    assert_eq!(heads(&source("crates/a/src/b.rs", "//! What it is.\n")), Vec::<String>::new());
    assert_eq!(heads(&source("crates/a/src/b.rs", "use x;\n")).len(), 1);
    assert_eq!(heads(&source("crates/a/src/b.rs", "")).len(), 1);
}

#[test]
fn a_page_without_a_heading_or_with_an_empty_one_is_noticed() {
    let page = |doc: &str| {
        let doc = format!("//! {}\n", doc.replace('\n', "\n//! "));
        source("crates/algorithms/src/links/x.rs", &format!("{doc}\nimpl Process for X {{}}\n"))
    };
    let whole = "X.\n# Source\na\n# Model\nb\n# Properties\nc\n# Cost\nd\n# Departures from the source\nnone\n# Bounds\nf";
    none(&algorithm_pages(&page(whole)));
    assert_eq!(algorithm_pages(&page(&whole.replace("# Cost\nd\n", ""))).len(), 1);
    assert_eq!(algorithm_pages(&page(&whole.replace("# Cost\nd", "# Cost"))).len(), 1);
    let swapped =
        whole.replace("# Cost\nd", "# @").replace("# Model\nb", "# Cost\nd").replace("# @", "# Model\nb");
    assert_eq!(algorithm_pages(&page(&swapped)).len(), 1);
    let helper = source("crates/algorithms/src/links/stacks.rs", "//! Stacks of them.\n");
    none(&algorithm_pages(&helper));
}

#[test]
fn a_mark_that_is_not_listed_or_not_reached_is_noticed() {
    let page = |list: &str, code: &str| {
        let text = format!(
            "impl Process for X {{\n    const MARKS: &'static [&'static str] = &[{list}];\n{code}}}\n"
        );
        marks(&source("crates/algorithms/src/links/x.rs", &text)).len()
    };
    let both = "ctx.reach(\"a\"); ctx.reach(if x { \"b\" } else { \"a\" });\n";
    assert_eq!(page("\"a\", \"b\"", both), 0);
    assert_eq!(page("\"a\"", both), 1);
    assert_eq!(page("\"a\", \"b\", \"c\"", both), 1);
}

#[test]
fn a_word_that_has_no_place_is_noticed() {
    let later = concat!("// TO", "DO: later\n");
    let elsewhere = concat!("see ../", "shared/X.md\n");
    assert_eq!(forbidden_words(&source("crates/a/src/b.rs", later)).len(), 1);
    assert_eq!(forbidden_words(&source("crates/a/tests/b.rs", later)).len(), 0);
    assert_eq!(forbidden_words(&source("crates/a/tests/b.rs", elsewhere)).len(), 1);
    assert_eq!(forbidden_words(&source("docs/b.md", elsewhere)).len(), 1);
}

#[test]
fn a_clock_in_the_kernel_is_noticed() {
    let clock = "use std::time::Instant;\n";
    assert_eq!(io(&source("crates/kernel/src/world.rs", clock)).len(), 1);
    assert_eq!(io(&source("crates/runtime/src/node.rs", clock)).len(), 0);
    assert_eq!(io(&source("crates/kernel/tests/world.rs", clock)).len(), 0);
    assert_eq!(io(&source("crates/kernel/src/world.rs", "// no std::time::Instant here\n")).len(), 0);
    assert_eq!(io(&source("crates/sim/src/campaign.rs", "use std::thread;\n")).len(), 0);
    assert_eq!(io(&source("crates/check/src/explore.rs", "use std::thread;\n")).len(), 1);
}

#[test]
fn a_file_that_is_too_long_is_noticed() {
    assert_eq!(lengths(&source("crates/a/src/b.rs", &"x\n".repeat(800))).len(), 0);
    assert_eq!(lengths(&source("crates/a/src/b.rs", &"x\n".repeat(801))).len(), 1);
}

const DOCUMENT: &str = "\
## Crates
| crate | what | ours | others | in tests |
|---|---|---|---|---|
| `sim` | runs | `kernel` | - | - |
| `kernel` | steps | - | `serde` | `proptest` |

## Crates of others
| crate | reason |
|---|---|
| `serde` | what crosses a boundary is written |
| `proptest` | properties of orders over generated worlds |
";

fn manifests(sim: &str, kernel: &str) -> Vec<Crate> {
    vec![Crate::parse("kernel", kernel), Crate::parse("sim", sim)]
}

const KERNEL: &str = "[dependencies]\nserde.workspace = true\n# a remark\n[dev-dependencies]\nproptest = \"1\"\n[lints]\nworkspace = true\n";
const SIM: &str = "[dependencies]\nsynod-kernel.workspace = true\n[lints]\nworkspace = true\n";

#[test]
fn a_manifest_that_disagrees_with_the_table_is_noticed() {
    let complaints = |sim: &str, kernel: &str| architecture(DOCUMENT, &manifests(sim, kernel)).len();
    assert_eq!(complaints(SIM, KERNEL), 0);
    assert_eq!(complaints(SIM, &KERNEL.replace("serde", "rand")), 1);
    assert_eq!(complaints(SIM, &KERNEL.replace("proptest", "tempfile")), 1);
    assert_eq!(complaints(&SIM.replace("[lints]\nworkspace = true\n", ""), KERNEL), 1);
    // an arrow that points up is wrong even where the table says so
    let upside = DOCUMENT.replace("| steps | - |", "| steps | `sim` |");
    let upward =
        manifests(SIM, &format!("[dependencies]\nsynod-sim = {{}}\n{}", &KERNEL["[dependencies]\n".len()..]));
    assert_eq!(architecture(&upside, &upward), ["crates/kernel uses sim, which does not stand below it"]);
    let three = [manifests(SIM, KERNEL), vec![Crate::parse("new", SIM)]].concat();
    assert_eq!(architecture(DOCUMENT, &three).len(), 1, "a crate without a row");
    assert_eq!(architecture(DOCUMENT, &three[..1]).len(), 1, "a row without a crate");
}

#[test]
fn a_crate_of_others_without_a_reason_is_noticed() {
    none(&third_party(DOCUMENT, &manifests(SIM, KERNEL)));
    assert_eq!(
        third_party(&DOCUMENT.replace("| `serde` | what", "| `sorde` | what"), &manifests(SIM, KERNEL)).len(),
        2
    );
}

#[test]
fn a_ground_that_names_an_algorithm_is_noticed() {
    let uses = |name: &str, used: &str| Crate::parse(name, &format!("[dependencies]\nsynod-{used} = {{}}\n"));
    let tries =
        |name: &str, used: &str| Crate::parse(name, &format!("[dev-dependencies]\nsynod-{used} = {{}}\n"));
    assert_eq!(grounds_and_algorithms(&[uses("sim", "algorithms")]).len(), 1);
    assert_eq!(grounds_and_algorithms(&[tries("check", "algorithms")]).len(), 0);
    assert_eq!(grounds_and_algorithms(&[uses("algorithms", "check")]).len(), 1);
    assert_eq!(grounds_and_algorithms(&[tries("algorithms", "check")]).len(), 0);
    assert_eq!(grounds_and_algorithms(&[uses("judge", "model")]).len(), 1);
    assert_eq!(grounds_and_algorithms(&[uses("cli", "sim"), uses("cli", "algorithms")]).len(), 0);
}
