//! The nearest name to one that does not exist.

/// The candidate within a small edit distance of `name`, the nearest first.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let near = (name.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            // a whole word of a long name is near, however long the rest
            let part = name.len().min(lower.len()) >= 3 && (lower.contains(&name) || name.contains(&lower));
            let distance = if part { 1 } else { distance(&name, &lower) };
            (distance <= near).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many insertions, deletions, changes and swaps of neighbours turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["paxos", "abd-register", "perfect-link", "eager-reliable-broadcast"];

    #[test]
    fn a_slip_of_the_finger_finds_the_name_and_nonsense_does_not() {
        assert_eq!(nearest("paxso", NAMES), Some("paxos"));
        assert_eq!(nearest("Paxos", NAMES), Some("paxos"));
        assert_eq!(nearest("abd", NAMES), Some("abd-register"));
        assert_eq!(nearest("perfct-lnik", NAMES), Some("perfect-link"));
        assert_eq!(nearest("quicksort", NAMES), None);
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        assert_eq!(distance("paxso", "paxos"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
