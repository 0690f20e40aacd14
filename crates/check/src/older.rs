//! Words that were seen, on disk: sorted runs, each with a filter in memory that nearly always tells what is not in it.

use crate::disk::{Disk, Scratch};
use crate::fingerprint::scatter;
use crate::visited::Word;
use std::io;

/// How many words are read together.
const PAGE: usize = 512;

/// How many runs there are before they are merged into one.
const RUNS_MAX: usize = 6;

/// A filter of one line of memory for each word (Putze, Sanders, Singler 2007): it never denies a word that is in it, and
/// takes one word in a hundred or so for one that is.
struct Filter {
    lines: Vec<[u64; 8]>,
}

impl Filter {
    /// Of so many words.
    fn new(words: u64) -> Self {
        /// A dozen bits for each.
        const WORDS_A_LINE: u64 = 512 / 12;
        Self { lines: vec![[0; 8]; (words / WORDS_A_LINE + 1) as usize] }
    }

    /// The line of a word, and its six bits there.
    #[inline]
    fn place(&self, word: u64) -> (usize, impl Iterator<Item = (usize, u64)> + use<>) {
        let (line, bits) = (scatter(word), scatter(word ^ 0x5851_f42d_4c95_7f2d));
        let line = (u128::from(line) * self.lines.len() as u128) >> 64;
        let bits = (0..6).map(move |i| (bits >> (9 * i) & 511) as usize);
        (line as usize, bits.map(|bit| (bit / 64, 1 << (bit % 64))))
    }

    fn insert(&mut self, word: u64) {
        let (line, bits) = self.place(word);
        bits.for_each(|(at, bit)| self.lines[line][at] |= bit);
    }

    #[inline]
    fn may_have(&self, word: u64) -> bool {
        let (line, mut bits) = self.place(word);
        bits.all(|(at, bit)| self.lines[line][at] & bit != 0)
    }
}

/// Sorted words on disk.
struct Run<W> {
    file: Box<dyn Scratch>,
    len: u64,
    /// The first word of each page.
    firsts: Vec<W>,
    filter: Filter,
}

impl<W: Word> Run<W> {
    /// Writes words that come in ascending order, no two alike, at most so many.
    fn write(disk: &dyn Disk, most: u64, words: &mut dyn Iterator<Item = io::Result<W>>) -> io::Result<Self> {
        let mut run = Self { file: disk.scratch()?, len: 0, firsts: Vec::new(), filter: Filter::new(most) };
        let mut page = Vec::with_capacity(PAGE * W::BYTES);
        for word in words {
            let word = word?;
            if page.is_empty() {
                run.firsts.push(word);
            }
            word.put(&mut page);
            run.filter.insert(word.high());
            run.len += 1;
            if page.len() == PAGE * W::BYTES {
                run.file.append(&page)?;
                page.clear();
            }
        }
        run.file.append(&page)?;
        Ok(run)
    }

    /// The words of a page.
    fn page(&self, number: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        let from = number * PAGE;
        let words = (self.len as usize - from).min(PAGE);
        bytes.resize(words * W::BYTES, 0);
        self.file.read_at((from * W::BYTES) as u64, bytes)
    }

    fn has(&self, word: W) -> io::Result<bool> {
        if !self.filter.may_have(word.high()) {
            return Ok(false);
        }
        let Some(number) = self.firsts.partition_point(|first| *first <= word).checked_sub(1) else {
            return Ok(false);
        };
        let mut bytes = Vec::new();
        self.page(number, &mut bytes)?;
        Ok(bytes.chunks_exact(W::BYTES).any(|bytes| W::get(bytes) == word))
    }

    /// All words, in order.
    fn words(&self) -> impl Iterator<Item = io::Result<W>> + '_ {
        (0..self.firsts.len()).flat_map(|number| {
            let mut bytes = Vec::new();
            let read = self.page(number, &mut bytes);
            let words: Vec<io::Result<W>> = match read {
                Ok(()) => bytes.chunks_exact(W::BYTES).map(|bytes| Ok(W::get(bytes))).collect(),
                Err(error) => vec![Err(error)],
            };
            words
        })
    }

    fn memory(&self) -> u64 {
        (self.firsts.len() * W::BYTES + self.filter.lines.len() * 64) as u64
    }
}

/// Words on disk.
pub(crate) struct Older<W> {
    runs: Vec<Run<W>>,
}

impl<W> Default for Older<W> {
    fn default() -> Self {
        Self { runs: Vec::new() }
    }
}

impl<W: Word> Older<W> {
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(crate) fn has(&self, word: W) -> io::Result<bool> {
        for run in &self.runs {
            if run.has(word)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds words that come in ascending order, no two alike, at most so many.
    pub(crate) fn add(
        &mut self,
        disk: &dyn Disk,
        most: u64,
        words: &mut dyn Iterator<Item = W>,
    ) -> io::Result<()> {
        self.runs.push(Run::write(disk, most, &mut words.map(Ok))?);
        if self.runs.len() > RUNS_MAX {
            let most = self.runs.iter().map(|run| run.len).sum();
            let merged = Run::write(disk, most, &mut Merged::of(&self.runs))?;
            self.runs = vec![merged];
        }
        Ok(())
    }

    /// All words in ascending order, each once.
    pub(crate) fn words(&self) -> impl Iterator<Item = io::Result<W>> + '_ {
        Merged::of(&self.runs)
    }

    pub(crate) fn memory(&self) -> u64 {
        self.runs.iter().map(Run::memory).sum()
    }
}

/// Runs read side by side, the least word first, each word once.
struct Merged<'a, W> {
    heads: Vec<std::iter::Peekable<Box<dyn Iterator<Item = io::Result<W>> + 'a>>>,
}

impl<'a, W: Word> Merged<'a, W> {
    fn of(runs: &'a [Run<W>]) -> Self {
        let head = |run: &'a Run<W>| (Box::new(run.words()) as Box<dyn Iterator<Item = _>>).peekable();
        Self { heads: runs.iter().map(head).collect() }
    }
}

impl<W: Word> Iterator for Merged<'_, W> {
    type Item = io::Result<W>;

    fn next(&mut self) -> Option<io::Result<W>> {
        let mut least: Option<W> = None;
        for head in &mut self.heads {
            match head.peek() {
                None => {}
                Some(Err(_)) => return head.next(),
                Some(Ok(word)) => least = Some(least.map_or(*word, |least| least.min(*word))),
            }
        }
        let least = least?;
        for head in &mut self.heads {
            head.next_if(|word| word.as_ref().is_ok_and(|word| *word == least));
        }
        Some(Ok(least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::print_of;
    use crate::test_disk::Memory;

    fn all_are_found_and_no_others<W: Word>() {
        let disk = Memory::default();
        let mut older = Older::<W>::default();
        let word = |k: u32| W::of(print_of(&k));
        for run in 0..10_u32 {
            // each run shares a third of its words with the one before
            let mut words: Vec<W> = (run * 2_000..run * 2_000 + 3_000).map(word).collect();
            words.sort_unstable();
            older.add(&disk, 3_000, &mut words.into_iter()).expect("memory is no disk that fills");
        }
        assert!(older.runs.len() <= RUNS_MAX);
        for k in 0..60_000 {
            assert_eq!(older.has(word(k)).expect("it can be read"), k < 21_000, "{k}");
        }
        let words: Vec<W> = older.words().collect::<io::Result<_>>().expect("they can be read");
        assert!(words.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
        assert_eq!(words.len(), 21_000);
    }

    #[test]
    fn what_was_put_on_disk_is_found_there() {
        all_are_found_and_no_others::<u64>();
        all_are_found_and_no_others::<u128>();
    }

    #[test]
    fn the_filter_spares_nearly_all_reading() {
        let mut filter = Filter::new(10_000);
        (0..10_000_u32).for_each(|k| filter.insert(print_of(&k) as u64));
        assert!((0..10_000_u32).all(|k| filter.may_have(print_of(&k) as u64)));
        let taken = (10_000..110_000_u32).filter(|k| filter.may_have(print_of(k) as u64)).count();
        assert!(taken < 2_000, "{taken} of 100,000");
    }

    #[test]
    fn a_disk_that_cannot_be_read_is_no_disk_without_the_word() {
        let disk = Memory::default();
        let mut older = Older::<u64>::default();
        older.add(&disk, 1, &mut [7].into_iter()).expect("there is room");
        disk.fail();
        assert!(older.has(7).is_err());
        assert!(older.words().next().expect("an answer").is_err());
        assert!(older.add(&disk, 1, &mut [8].into_iter()).is_err());
    }
}
