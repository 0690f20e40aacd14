//! Protocol Buffers, as far as etcd's messages need them: fields of numbers, bytes and messages.

use crate::bytes::Bytes;
use thiserror::Error;

/// How deep messages may lie in each other.
const DEPTH_MAX: usize = 16;

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// They end too early.
    #[error("a message is cut short")]
    CutShort,
    /// A number of more than 64 bits.
    #[error("a number is too long")]
    Number,
    /// A field of a kind that there is not, or not there.
    #[error("a field has the wrong kind")]
    Kind,
    /// Text that is none.
    #[error("text that is not UTF-8")]
    Text,
    /// Messages in messages in messages.
    #[error("messages lie too deep in each other")]
    Depth,
}

/// A field as it is written.
#[derive(Clone, Copy, Debug)]
pub enum Raw<'a> {
    /// A number.
    Number(u64),
    /// Bytes: text, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// A number of a fixed length: no message here has one.
    Fixed,
}

/// A message.
pub trait Message: Default {
    /// A field of that number is read. One that is not known is passed over.
    fn read_field(&mut self, number: u64, raw: Raw<'_>, depth: usize) -> Result<(), Malformed>;
    /// It is written: what is as by default is not there.
    fn write(&self, out: &mut Vec<u8>);
}

/// Reads a message.
///
/// # Errors
/// If these bytes are none.
pub fn read<M: Message>(bytes: &[u8]) -> Result<M, Malformed> {
    let mut message = M::default();
    read_into(&mut message, bytes, 0)?;
    Ok(message)
}

fn read_into<M: Message>(message: &mut M, mut bytes: &[u8], depth: usize) -> Result<(), Malformed> {
    if depth > DEPTH_MAX {
        return Err(Malformed::Depth);
    }
    while !bytes.is_empty() {
        let key = take_number(&mut bytes)?;
        let raw = match key & 7 {
            0 => Raw::Number(take_number(&mut bytes)?),
            1 => take(&mut bytes, 8).map(|_| Raw::Fixed)?,
            2 => {
                let length = take_number(&mut bytes)?;
                Raw::Bytes(take(&mut bytes, usize::try_from(length).map_err(|_| Malformed::CutShort)?)?)
            }
            5 => take(&mut bytes, 4).map(|_| Raw::Fixed)?,
            _ => return Err(Malformed::Kind),
        };
        message.read_field(key >> 3, raw, depth)?;
    }
    Ok(())
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (head, rest) = bytes.split_at_checked(length).ok_or(Malformed::CutShort)?;
    *bytes = rest;
    Ok(head)
}

fn take_number(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    const GROUP: u32 = 7;
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(GROUP as usize) {
        let byte = take(bytes, 1)?[0];
        let bits = u64::from(byte & 0x7f);
        if shift > 0 && bits.leading_zeros() < shift {
            return Err(Malformed::Number);
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Malformed::Number)
}

fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_bytes(number: u64, bytes: &[u8], out: &mut Vec<u8>) {
    put_number(number << 3 | 2, out);
    put_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// What a field may be.
pub trait Field {
    /// It is read: what is there once is replaced, what may be there often is added.
    fn read(&mut self, raw: Raw<'_>, depth: usize) -> Result<(), Malformed>;
    /// It is written, unless it is as by default.
    fn write(&self, number: u64, out: &mut Vec<u8>);
}

impl Field for u64 {
    fn read(&mut self, raw: Raw<'_>, _: usize) -> Result<(), Malformed> {
        let Raw::Number(number) = raw else { return Err(Malformed::Kind) };
        *self = number;
        Ok(())
    }

    fn write(&self, number: u64, out: &mut Vec<u8>) {
        if *self != 0 {
            put_number(number << 3, out);
            put_number(*self, out);
        }
    }
}

/// A negative one has the bits of its complement, all 64.
impl Field for i64 {
    fn read(&mut self, raw: Raw<'_>, depth: usize) -> Result<(), Malformed> {
        let mut bits = 0_u64;
        bits.read(raw, depth)?;
        *self = bits.cast_signed();
        Ok(())
    }

    fn write(&self, number: u64, out: &mut Vec<u8>) {
        self.cast_unsigned().write(number, out);
    }
}

impl Field for bool {
    fn read(&mut self, raw: Raw<'_>, depth: usize) -> Result<(), Malformed> {
        let mut bits = 0_u64;
        bits.read(raw, depth)?;
        *self = bits != 0;
        Ok(())
    }

    fn write(&self, number: u64, out: &mut Vec<u8>) {
        u64::from(*self).write(number, out);
    }
}

impl Field for Bytes {
    fn read(&mut self, raw: Raw<'_>, _: usize) -> Result<(), Malformed> {
        let Raw::Bytes(bytes) = raw else { return Err(Malformed::Kind) };
        *self = bytes.into();
        Ok(())
    }

    fn write(&self, number: u64, out: &mut Vec<u8>) {
        if !self.is_empty() {
            put_bytes(number, self, out);
        }
    }
}

impl Field for String {
    fn read(&mut self, raw: Raw<'_>, _: usize) -> Result<(), Malformed> {
        let Raw::Bytes(bytes) = raw else { return Err(Malformed::Kind) };
        str::from_utf8(bytes).map_err(|_| Malformed::Text)?.clone_into(self);
        Ok(())
    }

    fn write(&self, number: u64, out: &mut Vec<u8>) {
        if !self.is_empty() {
            put_bytes(number, self.as_bytes(), out);
        }
    }
}

fn put_message<M: Message>(number: u64, message: &M, out: &mut Vec<u8>) {
    let mut bytes = vec![];
    message.write(&mut bytes);
    put_bytes(number, &bytes, out);
}

fn read_message<M: Message>(message: &mut M, raw: Raw<'_>, depth: usize) -> Result<(), Malformed> {
    let Raw::Bytes(bytes) = raw else { return Err(Malformed::Kind) };
    read_into(message, bytes, depth + 1)
}

impl<M: Message> Message for Box<M> {
    fn read_field(&mut self, number: u64, raw: Raw<'_>, depth: usize) -> Result<(), Malformed> {
        (**self).read_field(number, raw, depth)
    }

    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl<M: Message> Field for Option<M> {
    fn read(&mut self, raw: Raw<'_>, depth: usize) -> Result<(), Malformed> {
        read_message(self.get_or_insert_default(), raw, depth)
    }

    fn write(&self, number: u64, out: &mut Vec<u8>) {
        if let Some(message) = self {
            put_message(number, message, out);
        }
    }
}

impl<M: Message> Field for Vec<M> {
    fn read(&mut self, raw: Raw<'_>, depth: usize) -> Result<(), Malformed> {
        let mut message = M::default();
        read_message(&mut message, raw, depth)?;
        self.push(message);
        Ok(())
    }

    fn write(&self, number: u64, out: &mut Vec<u8>) {
        for message in self {
            put_message(number, message, out);
        }
    }
}

/// Numbers are packed, or one by one.
impl Field for Vec<i64> {
    fn read(&mut self, raw: Raw<'_>, _: usize) -> Result<(), Malformed> {
        match raw {
            Raw::Number(number) => self.push(number.cast_signed()),
            Raw::Bytes(mut packed) => {
                while !packed.is_empty() {
                    self.push(take_number(&mut packed)?.cast_signed());
                }
            }
            Raw::Fixed => return Err(Malformed::Kind),
        }
        Ok(())
    }

    fn write(&self, number: u64, out: &mut Vec<u8>) {
        let mut packed = vec![];
        for item in self {
            put_number(item.cast_unsigned(), &mut packed);
        }
        if !packed.is_empty() {
            put_bytes(number, &packed, out);
        }
    }
}

impl Field for Vec<Bytes> {
    fn read(&mut self, raw: Raw<'_>, _: usize) -> Result<(), Malformed> {
        let Raw::Bytes(bytes) = raw else { return Err(Malformed::Kind) };
        self.push(bytes.into());
        Ok(())
    }

    fn write(&self, number: u64, out: &mut Vec<u8>) {
        for bytes in self {
            put_bytes(number, bytes, out);
        }
    }
}

/// Messages with the numbers of their fields.
macro_rules! messages {
    ($($(#[$about:meta])* $name:ident { $($field:ident: $type:ty = $number:literal),* $(,)? })*) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $(#[doc = concat!("Field ", $number, ".")] pub $field: $type,)*
        }

        impl $crate::etcd::protobuf::Message for $name {
            fn read_field(
                &mut self,
                number: u64,
                raw: $crate::etcd::protobuf::Raw<'_>,
                depth: usize,
            ) -> Result<(), $crate::etcd::protobuf::Malformed> {
                let _ = (raw, depth);
                match number {
                    $($number => $crate::etcd::protobuf::Field::read(&mut self.$field, raw, depth),)*
                    _ => Ok(()),
                }
            }

            fn write(&self, out: &mut Vec<u8>) {
                let _ = &out;
                $($crate::etcd::protobuf::Field::write(&self.$field, $number, out);)*
            }
        }
    )*};
}
pub(crate) use messages;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etcd::message::{Event, KeyValue, RangeRequest, RequestOp, TxnRequest, WatchCreateRequest};

    #[test]
    fn a_message_is_as_the_format_has_it() {
        let request =
            RangeRequest { key: "ab".into(), limit: 300, keys_only: true, ..RangeRequest::default() };
        let mut bytes = vec![];
        request.write(&mut bytes);
        assert_eq!(bytes, [0x0a, 2, b'a', b'b', 0x18, 0xac, 2, 0x40, 1]);
        assert_eq!(read::<RangeRequest>(&bytes), Ok(request));
        let negative = KeyValue { lease: -1, ..KeyValue::default() };
        bytes.clear();
        negative.write(&mut bytes);
        assert_eq!(bytes, [[0x30].as_slice(), &[0xff; 9], &[1]].concat());
        assert_eq!(read::<KeyValue>(&bytes), Ok(negative));
    }

    #[test]
    fn what_lies_in_a_message_is_read_and_what_is_not_known_passed_over() {
        let kv = KeyValue { key: "k".into(), value: "v".into(), ..KeyValue::default() };
        let event = Event { kind: 1, kv: Some(kv), prev_kv: None };
        let mut bytes = vec![];
        event.write(&mut bytes);
        bytes.extend_from_slice(&[0x78, 5, 0x7a, 1, b'x', 0x7d, 1, 2, 3, 4]);
        assert_eq!(read::<Event>(&bytes), Ok(event));
        let filters = |bytes: &[u8]| read::<WatchCreateRequest>(bytes).map(|request| request.filters);
        assert_eq!(filters(&[0x2a, 2, 0, 1]), Ok(vec![0, 1]));
        assert_eq!(filters(&[0x28, 0, 0x28, 1]), Ok(vec![0, 1]));
    }

    #[test]
    fn what_is_no_message_is_told_to_be_none() {
        let range = |bytes: &[u8]| read::<RangeRequest>(bytes).map(|_| ());
        assert_eq!(range(&[0x0a, 2, b'a']), Err(Malformed::CutShort));
        assert_eq!(range(&[0x18, 0x80]), Err(Malformed::CutShort));
        assert_eq!(range(&[0x08, 1]), Err(Malformed::Kind), "a key is no number");
        assert_eq!(range(&[0x0b]), Err(Malformed::Kind), "groups are of an earlier age");
        assert_eq!(range(&[[0x18].as_slice(), &[0xff; 9], &[2]].concat()), Err(Malformed::Number));
        assert_eq!(range(&[[0x18].as_slice(), &[0xff; 9], &[1]].concat()), Ok(()));
        let mut deep = TxnRequest::default();
        for _ in 0..DEPTH_MAX {
            let op = RequestOp { request_txn: Some(Box::new(deep)), ..RequestOp::default() };
            deep = TxnRequest { success: vec![op], ..TxnRequest::default() };
        }
        let mut bytes = vec![];
        deep.write(&mut bytes);
        assert_eq!(read::<TxnRequest>(&bytes), Err(Malformed::Depth));
    }
}
