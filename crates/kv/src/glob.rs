//! Patterns of keys: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before what stands for itself.

/// Whether the whole of `text` is as the pattern says. It takes the product of their lengths at most.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and where in the text what follows it was last tried. An earlier star need not take more: what the
    // later one may skip covers it.
    let mut star = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, t));
            p += 1;
        } else if let Some(length) = one(&pattern[p..], text[t]) {
            p += length;
            t += 1;
        } else if let Some((after, tried)) = star {
            (p, t) = (after, tried + 1);
            star = Some((after, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// How much of the pattern stands for one byte, if it does for this one.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => class(pattern, byte),
        b'\\' if pattern.len() > 1 => (pattern[1] == byte).then_some(2),
        literal => (literal == byte).then_some(1),
    }
}

/// The length of a class if it has this byte. One that is not closed ends with the pattern.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut has = false;
    while at < pattern.len() && pattern[at] != b']' {
        match pattern[at..] {
            [b'\\', literal, ..] => {
                has |= literal == byte;
                at += 2;
            }
            [from, b'-', to, ..] => {
                has |= (from.min(to)..=from.max(to)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                has |= literal == byte;
                at += 1;
            }
            [] => unreachable!("`at` is within the pattern"),
        }
    }
    (has != negated).then_some((at + 1).min(pattern.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentations_patterns() {
        for (pattern, yes, no) in [
            ("h?llo", vec!["hello", "hallo", "hxllo"], vec!["hllo", "heello"]),
            ("h*llo", vec!["hllo", "heeeello"], vec!["hell", "ello"]),
            ("h[ae]llo", vec!["hello", "hallo"], vec!["hillo", "hllo"]),
            ("h[^e]llo", vec!["hallo", "hbllo"], vec!["hello"]),
            ("h[a-b]llo", vec!["hallo", "hbllo"], vec!["hcllo"]),
            ("h[b-a]llo", vec!["hallo", "hbllo"], vec!["hcllo"]),
            ("*", vec!["", "a", "*"], vec![]),
            ("", vec![""], vec!["a"]),
            ("\\*", vec!["*"], vec!["a", "\\*"]),
            ("[\\]]", vec!["]"], vec!["\\"]),
            ("a*b*c", vec!["abc", "aXbXbc", "abcbc"], vec!["ab", "acb", "abcd"]),
            ("*[0-9]", vec!["key1", "7"], vec!["key"]),
            ("[ab", vec!["a", "b"], vec!["c", "["]),
            ("a**", vec!["a", "ab"], vec!["b"]),
            ("\\", vec!["\\"], vec![""]),
        ] {
            for text in yes {
                assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
            }
            for text in no {
                assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
            }
        }
    }

    /// Every short pattern and text against the definition: a star stands for none, or for one byte and itself.
    #[test]
    fn every_short_pattern_is_as_defined() {
        fn defined(pattern: &[u8], text: &[u8]) -> bool {
            match (pattern, text) {
                ([], rest) => rest.is_empty(),
                ([b'*', p @ ..], t) => defined(p, t) || (!t.is_empty() && defined(pattern, &t[1..])),
                ([b'?', p @ ..], [_, t @ ..]) => defined(p, t),
                ([a, p @ ..], [b, t @ ..]) => a == b && defined(p, t),
                (_, []) => false,
            }
        }
        fn words(alphabet: &[u8], length: usize) -> Vec<Vec<u8>> {
            let mut all = vec![vec![]];
            let mut last = all.clone();
            for _ in 0..length {
                last = last
                    .iter()
                    .flat_map(|word: &Vec<u8>| alphabet.iter().map(|&b| [&word[..], &[b]].concat()))
                    .collect();
                all.extend(last.iter().cloned());
            }
            all
        }
        for pattern in words(b"ab*?", 4) {
            for text in words(b"ab", 4) {
                assert_eq!(matches(&pattern, &text), defined(&pattern, &text), "{pattern:?} {text:?}");
            }
        }
    }
}
