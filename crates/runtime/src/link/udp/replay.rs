//! The replay window: which numbers of a sender's datagrams were seen, of the last so many (RFC 4303, 3.4.3; in words as in RFC 6479).

/// How many numbers, up to the highest that was seen, are remembered one by one. What is older counts as seen.
pub const WINDOW: u64 = 1024;
const WORDS: u64 = 2 * WINDOW / 64;

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayWindow {
    /// The number behind the highest that was seen.
    next: u64,
    /// A bit a number, by its rest: of twice as many as are remembered, so that no word holds both old and new.
    seen: Box<[u64; WORDS as usize]>,
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self { next: 0, seen: Box::new([0; WORDS as usize]) }
    }
}

impl ReplayWindow {
    /// Takes note of a number. Whether it is seen for the first time, and not too old to tell.
    pub fn see(&mut self, number: u64) -> bool {
        if number.saturating_add(WINDOW) < self.next {
            return false;
        }
        if number >= self.next {
            // the words between were of numbers that are too old now
            let (last, word) = (self.next.wrapping_sub(1) / 64, number / 64);
            let first = if self.next == 0 { 0 } else { last + 1 };
            for fresh in first.max(word.saturating_sub(WORDS - 1))..=word {
                self.seen[(fresh % WORDS) as usize] = 0;
            }
            self.next = number.saturating_add(1);
        }
        let (word, bit) = (&mut self.seen[(number / 64 % WORDS) as usize], 1 << (number % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}
