//! Rules about single files.

/// The headings of an algorithm's page, in their order.
const HEADINGS: [&str; 6] =
    ["# Source", "# Model", "# Properties", "# Cost", "# Departures from the source", "# Bounds"];

/// Where a file of this many lines is split.
const LINES_MAX: usize = 800;
/// A page of the library reads in one sitting.
const PAGE_LINES_MAX: usize = 550;

/// A file of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// From the root, with slashes.
    pub path: String,
    /// Its content.
    pub text: String,
}

impl Source {
    /// Whether it belongs to what is built, not to what tries it.
    fn is_product(&self) -> bool {
        self.path.starts_with("crates/") && self.path.contains("/src/")
    }

    /// The crate that it belongs to.
    fn owner(&self) -> &str {
        self.path.strip_prefix("crates/").and_then(|p| p.split('/').next()).unwrap_or_default()
    }

    /// Whether it is an algorithm's page: a file of the library that makes something a process or a link transformer.
    fn is_page(&self) -> bool {
        self.path.starts_with("crates/algorithms/src/")
            && self.text.lines().any(|line| {
                line.starts_with("impl")
                    && [" Process for ", " RoundProcess for ", "LinkTransformer for "]
                        .iter()
                        .any(|page| line.contains(page))
            })
    }
}

/// Every file says at its head what it is.
pub fn heads(source: &Source) -> Vec<String> {
    let said = source.text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 8);
    if said {
        vec![]
    } else {
        vec![format!("{}: its first line is no `//!` that says what it is", source.path)]
    }
}

/// An algorithm's page has its six headings, in order, and something below each.
pub fn algorithm_pages(source: &Source) -> Vec<String> {
    if !source.is_page() {
        return vec![];
    }
    let doc: Vec<&str> = source
        .text
        .lines()
        .take_while(|l| l.starts_with("//!"))
        .map(|l| l.trim_start_matches("//!").trim())
        .collect();
    let places: Vec<Option<usize>> = HEADINGS.iter().map(|h| doc.iter().position(|line| line == h)).collect();
    let mut complaints = Vec::new();
    for (heading, place) in HEADINGS.iter().zip(&places) {
        match place {
            None => complaints.push(format!("{}: its page has no `{heading}`", source.path)),
            Some(at) if doc.get(at + 1).is_none_or(|next| next.is_empty() || next.starts_with('#')) => {
                complaints.push(format!("{}: nothing stands below `{heading}`", source.path));
            }
            Some(_) => {}
        }
    }
    if complaints.is_empty() && !places.is_sorted() {
        complaints.push(format!(
            "{}: its headings are not in the order {}",
            source.path,
            HEADINGS.join(", ")
        ));
    }
    complaints
}

/// What is promised for later, or names what is not in this repository.
pub fn forbidden_words(source: &Source) -> Vec<String> {
    // written in pieces, so that this file does not break its own rule
    let nowhere = [concat!("../", "shared")];
    let not_in_products = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let words = nowhere.iter().chain(not_in_products.iter().filter(|_| source.is_product()));
    let lines = source.text.lines().enumerate();
    lines
        .flat_map(|(i, line)| words.clone().filter(|&&w| line.contains(w)).map(move |w| (i + 1, w)))
        .map(|(line, word)| format!("{}:{line}: {word:?} has no place here", source.path))
        .collect()
}

/// A file that grows without end is split by what it speaks of.
pub fn lengths(source: &Source) -> Vec<String> {
    let most = if source.is_page() { PAGE_LINES_MAX } else { LINES_MAX };
    let lines = source.text.lines().count();
    if lines <= most { vec![] } else { vec![format!("{}: {lines} lines, {most} are the most", source.path)] }
}

/// Files, sockets, clocks and other processes belong to the runtime and to the command line alone.
pub fn io(source: &Source) -> Vec<String> {
    let free = ["runtime", "cli", "tidy"];
    if !source.is_product() || free.contains(&source.owner()) {
        return vec![];
    }
    let worlds = [
        "std::fs",
        "std::net",
        "std::time::Instant",
        "SystemTime",
        "std::process",
        "std::env",
        "std::thread",
    ];
    // the simulator spreads runs that share nothing over threads; a program that the facade makes has an exit code
    let allowed =
        |word: &str| matches!((source.owner(), word), ("sim", "std::thread") | ("synod", "std::process"));
    let code = source.text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.flat_map(|(i, line)| worlds.into_iter().filter(|w| line.contains(w)).map(move |w| (i + 1, w)))
        .filter(|(_, word)| !allowed(word))
        .map(|(line, word)| {
            format!("{}:{line}: `{word}` in a crate that knows no outside world", source.path)
        })
        .collect()
}

/// An algorithm's page lists the marks that its handlers reach, and reaches those that it lists.
pub fn marks(source: &Source) -> Vec<String> {
    if !source.is_page() {
        return vec![];
    }
    let after = |opening: &'static str| source.text.split(opening).skip(1);
    let listed: Vec<_> = after("const MARKS:")
        .filter_map(|rest| rest.split_once(';'))
        .flat_map(|(list, _)| list.split('"').skip(1).step_by(2))
        .collect();
    // also where one of two is reached: `ctx.reach(if .. { "a" } else { "b" })`
    let reached: Vec<_> = after("ctx.reach(")
        .filter_map(|rest| rest.split_once(')'))
        .flat_map(|(marks, _)| marks.split('"').skip(1).step_by(2))
        .collect();
    let never = listed
        .iter()
        .filter(|mark| !reached.contains(mark))
        .map(|mark| (mark, "is listed, and never reached"));
    let unlisted =
        reached.iter().filter(|mark| !listed.contains(mark)).map(|mark| (mark, "is reached, and not listed"));
    never.chain(unlisted).map(|(mark, wrong)| format!("{}: the mark {mark:?} {wrong}", source.path)).collect()
}
