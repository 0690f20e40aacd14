//! An algorithm's page: the module documentation of its source file.

/// A page of the textbook, read from the head of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The first sentences: what it does.
    pub summary: String,
    /// The headings with what stands under them, in order.
    pub sections: Vec<(String, String)>,
}

impl Page {
    /// The page at the head of `source`.
    pub fn parse(source: &str) -> Self {
        let mut summary = Vec::new();
        let mut sections: Vec<(String, Vec<&str>)> = Vec::new();
        let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
        for line in lines.map(|line| line.strip_prefix(' ').unwrap_or(line)) {
            match (line.strip_prefix("# "), sections.last_mut()) {
                (Some(heading), _) => sections.push((heading.to_owned(), Vec::new())),
                (None, Some((_, text))) => text.push(line),
                (None, None) => summary.push(line),
            }
        }
        let join = |text: Vec<&str>| text.join("\n").trim().to_owned();
        Self {
            summary: join(summary),
            sections: sections.into_iter().map(|(heading, text)| (heading, join(text))).collect(),
        }
    }

    /// What it does, in one line.
    pub fn line(&self) -> String {
        let first = self.summary.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        let end = first.find([':', ';']).or_else(|| first.find(". ")).unwrap_or(first.len());
        // "Paxos: one decision, in .." tells more after the colon
        let rest = first[end..].trim_start_matches([':', ';', '.']).trim();
        let text = if rest.is_empty() { first[..end].trim() } else { rest };
        let sentence = text.split(". ").next().unwrap_or(text);
        sentence.trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "//! Eager broadcast: all deliver the same set,\n//! even then.\n//!\n//! # Source\n//! [CGR11].\n//!\n//! # Cost\n//! - one\n//! - two\n\nuse std::fmt;\n//! not this\n";

    #[test]
    fn a_page_is_the_head_of_its_source() {
        let page = Page::parse(SOURCE);
        assert_eq!(page.summary, "Eager broadcast: all deliver the same set,\neven then.");
        assert_eq!(
            page.sections,
            [("Source".to_owned(), "[CGR11].".to_owned()), ("Cost".to_owned(), "- one\n- two".to_owned())]
        );
        assert_eq!(page.line(), "all deliver the same set, even then");
    }

    #[test]
    fn a_source_without_a_head_has_an_empty_page() {
        assert_eq!(Page::parse("use std::fmt;"), Page { summary: String::new(), sections: Vec::new() });
    }
}
