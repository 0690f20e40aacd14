//! State machines to replicate.

use std::collections::BTreeMap;
use synod_model::Datum;
use synod_model::interface::StateMachine;
use synod_model::prelude::*;

/// Registers by key: what was never written is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Registers(BTreeMap<u64, Datum>);

/// Writes a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WriteTo {
    /// Which one.
    pub key: u64,
    /// What.
    pub value: Datum,
}

/// Reads a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReadFrom {
    /// Which one.
    pub key: u64,
}

impl StateMachine for Registers {
    type Command = WriteTo;
    type Query = ReadFrom;
    /// To a write what was there before it; to a read what is there.
    type Answer = Option<Datum>;

    fn execute(&mut self, &WriteTo { key, value }: &WriteTo) -> Option<Datum> {
        self.0.insert(key, value)
    }

    fn answer(&self, &ReadFrom { key }: &ReadFrom) -> Option<Datum> {
        self.0.get(&key).copied()
    }

    fn pieces(&self) -> Vec<Self> {
        const AT_ONCE: usize = 1024;
        let all: Vec<_> = self.0.iter().map(|(&key, &value)| (key, value)).collect();
        let mut pieces: Vec<_> =
            all.chunks(AT_ONCE).map(|some| Self(some.iter().copied().collect())).collect();
        if pieces.is_empty() {
            pieces.push(Self::default());
        }
        pieces
    }

    fn join(&mut self, mut piece: Self) {
        self.0.append(&mut piece.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole() {
        let mut registers = Registers::default();
        for key in 0..3_000 {
            assert_eq!(registers.execute(&WriteTo { key, value: Datum(key + 1) }), None);
        }
        let pieces = registers.pieces();
        assert!(pieces.len() > 1);
        let mut again = Registers::default();
        for piece in pieces {
            again.join(piece);
        }
        assert_eq!(again, registers);
        assert_eq!(Registers::default().pieces(), [Registers::default()]);
        assert_eq!(again.answer(&ReadFrom { key: 7 }), Some(Datum(8)));
    }
}
