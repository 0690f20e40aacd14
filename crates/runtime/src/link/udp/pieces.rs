//! Messages that are longer than a datagram, in pieces.
//!
//! ```text
//! piece: message (4) · index (2) · how many (2) · bytes
//! ```
//! A message of which a piece is lost is lost. Of each sender a few unfinished ones are kept; a new one takes the place of the oldest.

use super::datagram::RECORD_LENGTH_MAX;
use std::collections::VecDeque;

const HEADER_LENGTH: usize = 8;
const PIECE_LENGTH: usize = RECORD_LENGTH_MAX - HEADER_LENGTH;
/// The longest message, in bytes.
pub const MESSAGE_LENGTH_MAX: usize = 1 << 20;
const PIECES_MAX: usize = MESSAGE_LENGTH_MAX.div_ceil(PIECE_LENGTH);
/// How many unfinished messages of a sender are kept.
const UNFINISHED_MAX: usize = 8;

/// The pieces of a message.
pub fn pieces(message: u32, bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let count = bytes.len().div_ceil(PIECE_LENGTH).max(1);
    let chunk = move |index: usize| {
        (index, &bytes[index * PIECE_LENGTH..bytes.len().min((index + 1) * PIECE_LENGTH)])
    };
    (0..count).map(chunk).map(move |(index, bytes)| {
        let mut piece = Vec::with_capacity(HEADER_LENGTH + bytes.len());
        piece.extend(message.to_le_bytes());
        piece.extend((index as u16).to_le_bytes());
        piece.extend((count as u16).to_le_bytes());
        piece.extend(bytes);
        piece
    })
}

/// The unfinished messages of a sender.
#[derive(Debug, Default)]
pub struct Unfinished(VecDeque<Message>);

/// Bytes that are no piece of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPiece;

#[derive(Debug)]
struct Message {
    number: u32,
    pieces: Vec<Option<Vec<u8>>>,
    missing: usize,
}

impl Unfinished {
    /// Takes a piece; the message that it completes, if it does. An error if it is none.
    pub fn take(&mut self, piece: &[u8]) -> Result<Option<Vec<u8>>, NoPiece> {
        let (&[n0, n1, n2, n3, i0, i1, c0, c1], bytes) = piece.split_first_chunk().ok_or(NoPiece)?;
        let number = u32::from_le_bytes([n0, n1, n2, n3]);
        let (index, count) = (u16::from_le_bytes([i0, i1]) as usize, u16::from_le_bytes([c0, c1]) as usize);
        let is_whole = index + 1 == count || bytes.len() == PIECE_LENGTH;
        if index >= count
            || count > PIECES_MAX
            || bytes.is_empty() && count > 1
            || bytes.len() > PIECE_LENGTH
            || !is_whole
        {
            return Err(NoPiece);
        }
        let at = self.0.iter().position(|message| message.number == number);
        let at = at.unwrap_or_else(|| self.begin(number, count));
        let message = &mut self.0[at];
        if message.pieces.len() != count {
            return Err(NoPiece);
        }
        if message.pieces[index].is_none() {
            message.pieces[index] = Some(bytes.to_vec());
            message.missing -= 1;
        }
        if message.missing > 0 {
            return Ok(None);
        }
        let whole = self.0.remove(at).expect("it was found there");
        Ok(Some(whole.pieces.into_iter().flatten().flatten().collect()))
    }

    fn begin(&mut self, number: u32, count: usize) -> usize {
        if self.0.len() == UNFINISHED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Message { number, pieces: vec![None; count], missing: count });
        self.0.len() - 1
    }
}
