//! A value taken apart: what it would be written as, with the names of its types.

use crate::renaming::Names;
use serde::Serialize;
use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, VariantAccess, Visitor,
};
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use std::collections::BTreeSet;
use synod_model::{Datum, ProcessId};

/// Fields with their names.
type Fields = Vec<(&'static str, Token)>;

/// A value, or a part of one.
#[derive(Clone, Debug)]
pub(super) enum Token {
    Bool(bool),
    Signed(i128),
    Unsigned(u128),
    Float(f64),
    Char(char),
    Text(String),
    Bytes(Vec<u8>),
    None,
    Some(Box<Token>),
    Unit,
    UnitStruct(&'static str),
    Newtype(&'static str, Box<Token>),
    Seq(Vec<Token>),
    /// A tuple, or a struct of this name whose fields have none.
    Tuple(Option<&'static str>, Vec<Token>),
    Map(Vec<(Token, Token)>),
    Struct(&'static str, Fields),
    Variant(&'static str, Content),
}

/// What a variant holds.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Unit,
    Newtype(Box<Token>),
    Tuple(Vec<Token>),
    Struct(Fields),
}

impl Token {
    /// Calls `each` with it and then with all its parts, in the order in which they are written.
    pub(super) fn walk(&mut self, each: &mut dyn FnMut(&mut Self)) {
        each(self);
        match self {
            Self::Some(inner) | Self::Newtype(_, inner) | Self::Variant(_, Content::Newtype(inner)) => {
                inner.walk(each);
            }
            Self::Seq(all) | Self::Tuple(_, all) | Self::Variant(_, Content::Tuple(all)) => {
                for part in all {
                    part.walk(each);
                }
            }
            Self::Struct(_, fields) | Self::Variant(_, Content::Struct(fields)) => {
                for (_, part) in fields {
                    part.walk(each);
                }
            }
            Self::Map(pairs) => {
                for (key, value) in pairs {
                    key.walk(each);
                    value.walk(each);
                }
            }
            _ => {}
        }
    }

    /// Collects the data that it holds.
    pub(super) fn data(&mut self, data: &mut BTreeSet<Datum>) {
        self.walk(&mut |part| {
            if let Self::Newtype("Datum", number) = part {
                data.extend(number.number().map(Datum));
            }
        });
    }

    /// Collects the processes that it names, in order.
    pub(super) fn processes(&mut self, processes: &mut Vec<ProcessId>) {
        self.walk(&mut |part| {
            if let Self::Newtype("ProcessId", number) = part {
                processes.extend(number.number().and_then(|p| u32::try_from(p).ok()).map(ProcessId));
            }
        });
    }

    /// A number that is not too large.
    fn number(&self) -> Option<u64> {
        if let Self::Unsigned(number) = self { u64::try_from(*number).ok() } else { None }
    }

    /// Names each process and each datum anew.
    pub(super) fn rename(&mut self, names: &Names) -> Result<(), String> {
        match self {
            Self::Newtype("ProcessId", number) => rename_identity(number, names),
            Self::Newtype("Datum", number) => {
                let datum = number.number().ok_or("a datum that is no number")?;
                **number = Self::Unsigned(names.datum(Datum(datum)).0.into());
                Ok(())
            }
            Self::Struct("Group", fields) => rename_group(fields, names),
            Self::Some(inner) | Self::Newtype(_, inner) | Self::Variant(_, Content::Newtype(inner)) => {
                inner.rename(names)
            }
            Self::Seq(all) | Self::Tuple(_, all) | Self::Variant(_, Content::Tuple(all)) => {
                all.iter_mut().try_for_each(|part| part.rename(names))
            }
            Self::Struct(_, fields) | Self::Variant(_, Content::Struct(fields)) => {
                fields.iter_mut().try_for_each(|(_, part)| part.rename(names))
            }
            Self::Map(pairs) => pairs.iter_mut().try_for_each(|(key, value)| {
                key.rename(names)?;
                value.rename(names)
            }),
            _ => Ok(()),
        }
    }
}

/// The name of the process of this number.
fn named(p: u128, names: &Names) -> u128 {
    u32::try_from(p).map_or(p, |p| u128::from(names.process(ProcessId(p)).0))
}

fn rename_identity(number: &mut Token, names: &Names) -> Result<(), String> {
    let Token::Unsigned(number) = number else { return Err("an identity that is no number".to_owned()) };
    *number = named(*number, names);
    Ok(())
}

/// A group is a range of identities: another range afterwards, or none.
fn rename_group(fields: &mut Fields, names: &Names) -> Result<(), String> {
    let [("first", Token::Newtype(_, first)), ("count", Token::Unsigned(count))] = &mut fields[..] else {
        return fields.iter_mut().try_for_each(|(_, part)| part.rename(names));
    };
    let Token::Unsigned(first) = &mut **first else { return Err("a group without a first".to_owned()) };
    let all = names.processes().count() + 1;
    let mut members: Vec<u128> = (*first..*first + *count).take(all).map(|p| named(p, names)).collect();
    members.sort_unstable();
    if members.windows(2).any(|pair| pair[1] != pair[0] + 1) {
        let members: Vec<_> = members.iter().map(|p| format!("p{p}")).collect();
        return Err(format!("{} are no group: a group has no gaps", members.join(", ")));
    }
    *first = members.first().copied().unwrap_or(*first);
    Ok(())
}

/// Takes a value apart.
#[derive(Clone, Copy)]
pub(super) struct Writing;

/// What numbers are taken for.
macro_rules! numbers {
    ($($method:ident: $type:ty => $token:ident),* $(,)?) => {$(
        fn $method(self, value: $type) -> Result<Token, Error> {
            Ok(Token::$token(value.into()))
        }
    )*};
}

impl Serializer for Writing {
    type Ok = Token;
    type Error = Error;
    type SerializeSeq = Parts;
    type SerializeTuple = Parts;
    type SerializeTupleStruct = Parts;
    type SerializeTupleVariant = Parts;
    type SerializeMap = Pairs;
    type SerializeStruct = Named;
    type SerializeStructVariant = Named;

    numbers! {
        serialize_bool: bool => Bool, serialize_i8: i8 => Signed, serialize_i16: i16 => Signed,
        serialize_i32: i32 => Signed, serialize_i64: i64 => Signed, serialize_i128: i128 => Signed,
        serialize_u8: u8 => Unsigned, serialize_u16: u16 => Unsigned, serialize_u32: u32 => Unsigned,
        serialize_u64: u64 => Unsigned, serialize_u128: u128 => Unsigned, serialize_f32: f32 => Float,
        serialize_f64: f64 => Float, serialize_char: char => Char, serialize_str: &str => Text,
        serialize_bytes: &[u8] => Bytes,
    }

    fn serialize_none(self) -> Result<Token, Error> {
        Ok(Token::None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Token, Error> {
        Ok(Token::Some(Box::new(value.serialize(self)?)))
    }

    fn serialize_unit(self) -> Result<Token, Error> {
        Ok(Token::Unit)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<Token, Error> {
        Ok(Token::UnitStruct(name))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Token, Error> {
        Ok(Token::Variant(variant, Content::Unit))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Token, Error> {
        Ok(Token::Newtype(name, Box::new(value.serialize(self)?)))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Token, Error> {
        Ok(Token::Variant(variant, Content::Newtype(Box::new(value.serialize(self)?))))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts, Error> {
        Ok(Parts { of: Whole::Seq, parts: Vec::new() })
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts, Error> {
        Ok(Parts { of: Whole::Tuple(None), parts: Vec::new() })
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Parts, Error> {
        Ok(Parts { of: Whole::Tuple(Some(name)), parts: Vec::new() })
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts, Error> {
        Ok(Parts { of: Whole::Variant(variant), parts: Vec::new() })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Pairs, Error> {
        Ok(Pairs::default())
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Named, Error> {
        Ok(Named { of: Ok(name), fields: Vec::new() })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Named, Error> {
        Ok(Named { of: Err(variant), fields: Vec::new() })
    }
}

/// What has parts without names.
enum Whole {
    Seq,
    Tuple(Option<&'static str>),
    Variant(&'static str),
}

/// Parts without names, so far.
pub(super) struct Parts {
    of: Whole,
    parts: Vec<Token>,
}

/// One trait for each way in which serde writes parts without names.
macro_rules! parts {
    ($($trait:ident :: $method:ident),* $(,)?) => {$(
        impl $trait for Parts {
            type Ok = Token;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.parts.push(value.serialize(Writing)?);
                Ok(())
            }

            fn end(self) -> Result<Token, Error> {
                Ok(match self.of {
                    Whole::Seq => Token::Seq(self.parts),
                    Whole::Tuple(name) => Token::Tuple(name, self.parts),
                    Whole::Variant(name) => Token::Variant(name, Content::Tuple(self.parts)),
                })
            }
        }
    )*};
}
parts! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

/// The entries of a map, so far.
#[derive(Default)]
pub(super) struct Pairs {
    key: Option<Token>,
    pairs: Vec<(Token, Token)>,
}

impl SerializeMap for Pairs {
    type Ok = Token;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key = Some(key.serialize(Writing)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = self.key.take().ok_or_else(|| serde::ser::Error::custom("a value without a key"))?;
        self.pairs.push((key, value.serialize(Writing)?));
        Ok(())
    }

    fn end(self) -> Result<Token, Error> {
        Ok(Token::Map(self.pairs))
    }
}

/// Fields with names, so far.
pub(super) struct Named {
    /// The struct that they are of, or else the variant.
    of: Result<&'static str, &'static str>,
    fields: Fields,
}

/// One trait for each way in which serde writes fields with names.
macro_rules! named {
    ($($trait:ident),* $(,)?) => {$(
        impl $trait for Named {
            type Ok = Token;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.fields.push((name, value.serialize(Writing)?));
                Ok(())
            }

            fn end(self) -> Result<Token, Error> {
                Ok(match self.of {
                    Ok(name) => Token::Struct(name, self.fields),
                    Err(variant) => Token::Variant(variant, Content::Struct(self.fields)),
                })
            }
        }
    )*};
}
named! { SerializeStruct, SerializeStructVariant }

impl IntoDeserializer<'_, Error> for Token {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn visit_fields<'de, V: Visitor<'de>>(fields: Fields, visitor: V) -> Result<V::Value, Error> {
    visitor.visit_map(MapDeserializer::new(fields.into_iter()))
}

fn visit_parts<'de, V: Visitor<'de>>(parts: Vec<Token>, visitor: V) -> Result<V::Value, Error> {
    visitor.visit_seq(SeqDeserializer::new(parts.into_iter()))
}

impl<'de> Deserializer<'de> for Token {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Bool(value) => visitor.visit_bool(value),
            // numbers that are not large are read by whoever reads numbers
            Self::Signed(value) => match i64::try_from(value) {
                Ok(value) => visitor.visit_i64(value),
                Err(_) => visitor.visit_i128(value),
            },
            Self::Unsigned(value) => match u64::try_from(value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_u128(value),
            },
            Self::Float(value) => visitor.visit_f64(value),
            Self::Char(value) => visitor.visit_char(value),
            Self::Text(value) => visitor.visit_string(value),
            Self::Bytes(value) => visitor.visit_byte_buf(value),
            Self::None => visitor.visit_none(),
            Self::Some(inner) => visitor.visit_some(*inner),
            Self::Unit | Self::UnitStruct(_) => visitor.visit_unit(),
            Self::Newtype(_, inner) => inner.deserialize_any(visitor),
            Self::Seq(parts) | Self::Tuple(_, parts) => visit_parts(parts, visitor),
            Self::Map(pairs) => visitor.visit_map(MapDeserializer::new(pairs.into_iter())),
            Self::Struct(_, fields) => visit_fields(fields, visitor),
            Self::Variant(name, content) => {
                let held = match content {
                    Content::Unit => return visitor.visit_str(name),
                    Content::Newtype(inner) => *inner,
                    Content::Tuple(parts) => Self::Seq(parts),
                    Content::Struct(fields) => Self::Struct(name, fields),
                };
                visit_fields(vec![(name, held)], visitor)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::None | Self::Unit | Self::UnitStruct(_) => visitor.visit_none(),
            Self::Some(inner) => visitor.visit_some(*inner),
            other => visitor.visit_some(other),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Newtype(_, inner) => visitor.visit_newtype_struct(*inner),
            other => visitor.visit_newtype_struct(other),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Variant(name, content) => visitor.visit_enum(Chosen { name, content }),
            Self::Newtype(_, inner) => inner.deserialize_any(visitor),
            _ => Err(Error::custom("expected a variant")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

/// A variant, with what it holds.
struct Chosen {
    name: &'static str,
    content: Content,
}

impl<'de> EnumAccess<'de> for Chosen {
    type Error = Error;
    type Variant = Content;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Content), Error> {
        let name: serde::de::value::StrDeserializer<'_, Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.content))
    }
}

fn unexpected<T>() -> Result<T, Error> {
    Err(Error::custom("a variant that holds something else"))
}

impl<'de> VariantAccess<'de> for Content {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        if let Self::Unit = self { Ok(()) } else { unexpected() }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        if let Self::Newtype(inner) = self { seed.deserialize(*inner) } else { unexpected() }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        if let Self::Tuple(parts) = self { visit_parts(parts, visitor) } else { unexpected() }
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let Self::Struct(fields) = self { visit_fields(fields, visitor) } else { unexpected() }
    }
}
