//! Bytes from outside, changed at random from what the product writes: each way in comes back, with a value or an error.
//! The ways in, and what they begin with, are those of the fuzzer (`fuzz/`).

#[path = "../../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a library to the fuzzer, a module here")]
mod entries;

use entries::{ALL, WayIn};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// Xorshift (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// What is put in the place of bytes: ends of ranges, as text and as numbers, and what opens and closes.
const WORDS: [&[u8]; 14] = [
    b"0",
    b"-1",
    b"18446744073709551615",
    b"4294967296",
    b"1e999",
    b"\"\"",
    b"[",
    b"}",
    b"null",
    b"\n",
    &[0; 8],
    &[0xff; 8],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0, 0, 0, 0, 0, 0, 0, 0x80],
];

/// Changes bytes in one of a few ways.
fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let (a, b) = (random.below(bytes.len() + 1), random.below(bytes.len() + 1));
    let (from, to) = (a.min(b), a.max(b).min(a.min(b) + 40));
    match random.below(7) {
        0 if !bytes.is_empty() => {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        1 => _ = bytes.drain(from..to),
        2 => {
            let again = bytes[from..to].to_vec();
            bytes.splice(to..to, again);
        }
        3 => bytes.truncate(from),
        4 => {
            let start = random.below(other.len() + 1);
            let end = other.len().min(start + random.below(60));
            bytes.splice(from..to, other[start..end].iter().copied());
        }
        5 => {
            let word = WORDS[random.below(WORDS.len())];
            let end = bytes.len().min(from + word.len());
            bytes.splice(from..end, word.iter().copied());
        }
        _ => number(bytes, random),
    }
}

/// Puts another number in the place of one that is written in digits.
fn number(bytes: &mut Vec<u8>, random: &mut Random) {
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|&at| bytes[at].is_ascii_digit() && (at == 0 || !bytes[at - 1].is_ascii_digit()))
        .collect();
    let Some(&start) = starts.get(random.below(starts.len())) else { return };
    let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = [0, 1, 2, 255, 1 << 31, (1 << 32) - 1, 1 << 53, u64::MAX][random.below(8)];
    bytes.splice(start..start + length, number.to_string().into_bytes());
}

fn corpus(way_in: &WayIn) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(way_in.name);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("each has a corpus")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let read = files.iter().map(|file| fs::read(file).expect("a file"));
    (way_in.seeds)().into_iter().chain(read).collect()
}

#[test]
fn whatever_comes_in_is_a_value_or_an_error() {
    const ROUNDS: usize = 4_000;
    for way_in in ALL {
        let (seeds, own) = (corpus(&way_in), (way_in.seeds)().len());
        assert!(!seeds.is_empty(), "{}", way_in.name);
        let mut random = Random(0x5eed);
        for round in 0..ROUNDS {
            let mut bytes = seeds[round % seeds.len()].clone();
            let other = &seeds[random.below(seeds.len())];
            // the first rounds take the seeds as they are
            let changes = if round < seeds.len() { 0 } else { 1 + random.below(3) };
            (0..changes).for_each(|_| change(&mut bytes, other, &mut random));
            let came_back = catch_unwind(AssertUnwindSafe(|| (way_in.take)(&bytes)));
            let is_good = came_back
                .unwrap_or_else(|_| panic!("{}, round {round}: {}", way_in.name, bytes.escape_ascii()));
            // what is changed begins within what is read: what was kept may be of an algorithm that has changed since
            assert!(is_good || changes > 0 || round >= own, "{}, seed {round} is refused", way_in.name);
        }
    }
}

/// What once led to a panic is refused.
#[test]
fn what_is_out_of_range_is_refused() {
    let identities = b"[failures]\namong = { first = 4294967295, count = 2 }";
    assert!(!entries::environment(identities), "no identity comes after the last");
    let mut last_start = vec![0xff; 9];
    last_start[0] = 0;
    assert!(!entries::log(&last_start), "no start comes after the last");
}

#[test]
fn every_target_has_its_way_in() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/fuzz_targets");
    let mut targets: Vec<String> = fs::read_dir(&folder)
        .expect("there are targets")
        .map(|entry| {
            entry.expect("a file").path().file_stem().expect("a name").to_string_lossy().into_owned()
        })
        .collect();
    targets.sort();
    let mut names = ALL.map(|way_in| way_in.name.to_owned());
    names.sort();
    assert_eq!(targets, names);
    let manifest = fs::read_to_string(folder.join("../Cargo.toml")).expect("a manifest");
    for name in names {
        let text = fs::read_to_string(folder.join(format!("{name}.rs"))).expect("a target");
        assert!(text.contains(&format!("synod_fuzz::{name}(bytes)")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
