//! Frames from whatever bytes arrive.

use proptest::collection::vec;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Read};
use synod_runtime::frame::{self, FrameError, PAYLOAD_LENGTH_MAX};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Sample {
    Nothing,
    Number(u64),
    Bytes(Vec<u8>),
    Nested { name: String, table: BTreeMap<u8, Option<String>> },
}

fn sample() -> impl Strategy<Value = Sample> {
    let table = prop::collection::btree_map(any::<u8>(), any::<Option<String>>(), 0..4);
    prop_oneof![
        Just(Sample::Nothing),
        any::<u64>().prop_map(Sample::Number),
        vec(any::<u8>(), 0..200).prop_map(Sample::Bytes),
        (any::<String>(), table).prop_map(|(name, table)| Sample::Nested { name, table }),
    ]
}

fn encode(samples: &[Sample]) -> Vec<u8> {
    let mut bytes = vec![];
    for sample in samples {
        frame::append(&mut bytes, sample).unwrap();
    }
    bytes
}

/// All values up to the end or to the first error.
fn decode(mut bytes: impl Read) -> (Vec<Sample>, Option<FrameError>) {
    let mut samples = vec![];
    loop {
        match frame::read(&mut bytes) {
            Ok(Some(sample)) => samples.push(sample),
            Ok(None) => return (samples, None),
            Err(error) => return (samples, Some(error)),
        }
    }
}

/// A stream that gives one byte at a time, and is interrupted.
struct Trickle<'a>(&'a [u8], bool);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = buffer.len().min(1);
        self.0.read(&mut buffer[..most])
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(samples in vec(sample(), 0..6)) {
        let bytes = encode(&samples);
        prop_assert_eq!(&decode(&bytes[..]).0, &samples);
        let (trickled, error) = decode(Trickle(&bytes, false));
        prop_assert!(error.is_none());
        prop_assert_eq!(trickled, samples);
    }

    #[test]
    fn random_bytes_are_an_error_not_a_panic(bytes in vec(any::<u8>(), 1..600)) {
        let (samples, error) = decode(&bytes[..]);
        prop_assert!(samples.is_empty() && error.is_some(), "bytes at random passed a checksum");
    }

    /// With a checksum that fits, so that the payload's decoder gets to see them.
    #[test]
    fn random_payloads_are_a_value_or_an_error(payload in vec(any::<u8>(), 0..300)) {
        let mut bytes = (payload.len() as u32).to_le_bytes().to_vec();
        bytes.extend(crc32fast::hash(&payload).to_le_bytes());
        bytes.extend(&payload);
        let (samples, error) = decode(&bytes[..]);
        prop_assert_eq!(samples.len(), usize::from(error.is_none()));
    }

    #[test]
    fn a_mutated_stream_never_gives_a_value_that_was_not_sent(
        samples in vec(sample(), 1..6),
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode(&samples);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let (mutated, error) = decode(&bytes[..]);
        prop_assert!(error.is_some());
        prop_assert!(samples.starts_with(&mutated));
        let (short, _) = decode(&encode(&samples)[..cut.index(bytes.len())]);
        prop_assert!(samples.starts_with(&short));
    }
}

#[test]
fn a_length_out_of_bounds_is_refused_before_anything_is_read() {
    let mut bytes = ((PAYLOAD_LENGTH_MAX + 1) as u32).to_le_bytes().to_vec();
    bytes.extend([0; 4]);
    assert!(matches!(decode(&bytes[..]).1, Some(FrameError::TooLong { .. })));
    let long = Sample::Bytes(vec![0; PAYLOAD_LENGTH_MAX]);
    assert!(matches!(frame::append(&mut vec![], &long), Err(FrameError::TooLong { .. })));
}

#[test]
fn each_way_to_be_wrong_has_its_error() {
    let bytes = encode(&[Sample::Number(300)]);
    for end in 1..bytes.len() {
        assert!(matches!(decode(&bytes[..end]).1, Some(FrameError::Truncated)));
    }
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(matches!(decode(&flipped[..]).1, Some(FrameError::Checksum)));

    let reframe = |payload: &[u8]| {
        let mut bytes = (payload.len() as u32).to_le_bytes().to_vec();
        bytes.extend(crc32fast::hash(payload).to_le_bytes());
        bytes.extend(payload);
        bytes
    };
    assert!(matches!(decode(&reframe(&[9])[..]).1, Some(FrameError::Payload(_))));
    assert!(matches!(decode(&reframe(&[0, 0, 0])[..]).1, Some(FrameError::Trailing(2))));
}
