//! Compressed headers: RFC 7541. What is written here uses no compression: the two headers of an answer are short.

use super::tables::{CODES, STATIC};
use std::collections::VecDeque;
use std::sync::LazyLock;

/// How long the table of a client's headers may be, as the standard counts: its own default.
const TABLE_LENGTH_MAX: usize = 4096;
const ENTRY_HEAD: usize = 32;

/// Headers that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// What is known of the headers of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Decoder {
    table: VecDeque<(Vec<u8>, Vec<u8>)>,
    length: usize,
    length_max: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { table: VecDeque::new(), length: 0, length_max: TABLE_LENGTH_MAX }
    }
}

impl Decoder {
    /// Reads a block of headers, that have so many bytes at most.
    pub(crate) fn decode(
        &mut self,
        block: &[u8],
        most: usize,
        mut each: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), Unreadable> {
        let (mut rest, mut length) = (block, 0);
        while let Some(&first) = rest.first() {
            let (name, value) = if first & 0x80 != 0 {
                self.at(number(&mut rest, 7)?)?
            } else if first & 0xe0 == 0x20 {
                let length = number(&mut rest, 5)?;
                if length > TABLE_LENGTH_MAX {
                    return Err(Unreadable);
                }
                self.length_max = length;
                self.shrink();
                continue;
            } else {
                let is_kept = first & 0x40 != 0;
                let index = number(&mut rest, if is_kept { 6 } else { 4 })?;
                let name = if index == 0 { string(&mut rest)? } else { self.at(index)?.0 };
                let value = string(&mut rest)?;
                if is_kept {
                    self.keep(name.clone(), value.clone());
                }
                (name, value)
            };
            length += name.len() + value.len() + ENTRY_HEAD;
            if length > most {
                return Err(Unreadable);
            }
            each(&name, &value);
        }
        Ok(())
    }

    fn at(&self, index: usize) -> Result<(Vec<u8>, Vec<u8>), Unreadable> {
        let index = index.checked_sub(1).ok_or(Unreadable)?;
        if let Some((name, value)) = STATIC.get(index) {
            return Ok((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        }
        self.table.get(index - STATIC.len()).cloned().ok_or(Unreadable)
    }

    fn keep(&mut self, name: Vec<u8>, value: Vec<u8>) {
        self.length += name.len() + value.len() + ENTRY_HEAD;
        self.table.push_front((name, value));
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.length > self.length_max
            && let Some((name, value)) = self.table.pop_back()
        {
            self.length -= name.len() + value.len() + ENTRY_HEAD;
        }
    }
}

/// A number in the last bits of a byte, and in those behind it.
fn number(rest: &mut &[u8], bits: u32) -> Result<usize, Unreadable> {
    let (&first, mut behind) = rest.split_first().ok_or(Unreadable)?;
    let most = (1_usize << bits) - 1;
    let mut number = usize::from(first) & most;
    if number == most {
        for shift in [0, 7, 14] {
            let (&byte, tail) = behind.split_first().ok_or(Unreadable)?;
            behind = tail;
            number += usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                *rest = behind;
                return Ok(number);
            }
        }
        return Err(Unreadable);
    }
    *rest = behind;
    Ok(number)
}

fn string(rest: &mut &[u8]) -> Result<Vec<u8>, Unreadable> {
    let is_coded = rest.first().is_some_and(|first| first & 0x80 != 0);
    let length = number(rest, 7)?;
    let (bytes, behind) = rest.split_at_checked(length).ok_or(Unreadable)?;
    *rest = behind;
    if is_coded { decoded(bytes) } else { Ok(bytes.to_vec()) }
}

/// The code as a tree: the children of each node, or, of a leaf, its byte.
#[derive(Clone, Copy, Default)]
struct Node {
    children: [usize; 2],
    byte: usize,
}

static TREE: LazyLock<Vec<Node>> = LazyLock::new(|| {
    let mut tree = vec![Node::default()];
    for (byte, &(code, length)) in CODES.iter().enumerate() {
        let mut at = 0;
        for bit in (0..length).rev() {
            let side = usize::from(code >> bit & 1 != 0);
            if tree[at].children[side] == 0 {
                tree[at].children[side] = tree.len();
                tree.push(Node::default());
            }
            at = tree[at].children[side];
        }
        tree[at].byte = byte;
    }
    tree
});

/// Bytes behind their code. It is filled up by ones, less than a byte of them.
fn decoded(bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let (mut out, mut at, mut since, mut all_ones) = (vec![], 0, 0, true);
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| usize::from(byte >> bit & 1))) {
        at = TREE[at].children[bit];
        since += 1;
        all_ones &= bit == 1;
        if TREE[at].children == [0, 0] {
            out.push(u8::try_from(TREE[at].byte).map_err(|_| Unreadable)?);
            (at, since, all_ones) = (0, 0, true);
        }
    }
    if since < 8 && all_ones { Ok(out) } else { Err(Unreadable) }
}

/// Writes a header that nobody need remember.
pub(crate) fn literal(name: &str, value: &str, out: &mut Vec<u8>) {
    const LENGTH_MAX: usize = 126;
    out.push(0);
    for text in [name, value] {
        let text = &text.as_bytes()[..text.len().min(LENGTH_MAX)];
        out.push(text.len() as u8);
        out.extend_from_slice(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let hex: Vec<_> = hex.split_whitespace().collect::<String>().into_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).expect("text"), 16).expect("hex");
        hex.chunks(2).map(byte).collect()
    }

    fn decode(decoder: &mut Decoder, hex: &str) -> Result<String, Unreadable> {
        let mut all = vec![];
        decoder.decode(&bytes(hex), 1000, |name, value| {
            all.push(format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        })?;
        Ok(all.join(" "))
    }

    /// RFC 7541, C.4: three requests of one connection, with the code of Huffman.
    #[test]
    fn requests_are_read_as_the_standard_shows() {
        let mut decoder = Decoder::default();
        let first = ":method=GET :scheme=http :path=/ :authority=www.example.com";
        let block = "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff";
        assert_eq!(decode(&mut decoder, block).as_deref(), Ok(first));
        let second = format!("{first} cache-control=no-cache");
        assert_eq!(decode(&mut decoder, "8286 84be 5886 a8eb 1064 9cbf"), Ok(second));
        let third =
            ":method=GET :scheme=https :path=/index.html :authority=www.example.com custom-key=custom-value";
        let block = "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf";
        assert_eq!(decode(&mut decoder, block).as_deref(), Ok(third));
        assert_eq!(decoder.length, 164);
    }

    #[test]
    fn what_is_no_header_is_told_to_be_none() {
        let wrong = |hex| decode(&mut Decoder::default(), hex);
        assert_eq!(wrong("80"), Err(Unreadable), "there is no header 0");
        assert_eq!(wrong("be"), Err(Unreadable), "nothing was kept");
        assert_eq!(wrong("ffffffffff"), Err(Unreadable), "a number without an end");
        assert_eq!(wrong("3fe21f"), Err(Unreadable), "a table longer than was said");
        assert_eq!(wrong("0003 6162"), Err(Unreadable), "cut short");
        assert_eq!(wrong("0081 ff 00"), Err(Unreadable), "filled up by a whole byte");
        assert_eq!(wrong("0081 fe 00"), Err(Unreadable), "filled up by a zero");
        assert_eq!(decode(&mut Decoder::default(), &"82".repeat(30)), Err(Unreadable), "too long in all");
    }

    #[test]
    fn the_table_forgets_what_it_has_no_room_for() {
        let mut decoder = Decoder::default();
        assert_eq!(decode(&mut decoder, "4001 6101 62").as_deref(), Ok("a=b"));
        assert_eq!(decode(&mut decoder, "be").as_deref(), Ok("a=b"));
        assert_eq!(decode(&mut decoder, "20 be"), Err(Unreadable));
    }
}
