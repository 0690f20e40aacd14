//! Values of a type that nothing is known of but how it is read: it asks for what it consists of, and is given the least.

use super::NAMES_MAX;
use serde::de::value::{Error, MapDeserializer, StrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, SeqAccess, VariantAccess,
    Visitor,
};

/// How deep a value may be nested.
const DEPTH_MAX: u32 = 64;
/// How often an enum may occur within itself: with every further time there are that many more ways to go on for ever.
const AGAIN_MAX: usize = 3;
/// How many parts a value may have.
const PARTS_MAX: u32 = 4_096;
/// How many values are made with the same outermost variant.
const ALIKE_MAX: u32 = 512;

/// A choice of a variant.
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    variant: usize,
    of: usize,
    /// How many variants it lies within.
    within: usize,
    /// How many values were made with it so far.
    times: u32,
}

/// Makes one value: it takes the variants that it is given, and then always the first.
pub(super) struct Sampler {
    script: Vec<Chosen>,
    next: usize,
    parts: u32,
    /// The enums that are being made, from the outside in.
    within: Vec<(&'static str, &'static [&'static str])>,
}

impl Sampler {
    pub(super) fn new(script: Vec<Chosen>) -> Self {
        Self { script, next: 0, parts: 0, within: Vec::new() }
    }

    pub(super) fn probe(&mut self) -> Probe<'_> {
        Probe { sampler: self, depth: 0, within: 0 }
    }

    fn choose(&mut self, of: usize, within: usize) -> usize {
        if self.next == self.script.len() {
            self.script.push(Chosen { variant: 0, of, within, times: 0 });
        }
        self.next += 1;
        self.script[self.next - 1].variant
    }

    /// The variants of the next value, after one that was `made` or refused. What lies deeper than a kind has names need
    /// only come to an end.
    pub(super) fn successor(self, made: bool) -> Option<Vec<Chosen>> {
        let mut script = self.script;
        if let Some(first) = script.first_mut() {
            first.times += 1;
            if first.times >= ALIKE_MAX {
                script.truncate(1);
            }
        }
        while let Some(last) = script.last_mut() {
            let matters = !made || last.within < NAMES_MAX;
            if matters && last.variant + 1 < last.of {
                // the times of the outermost alone are looked at
                *last = Chosen { variant: last.variant + 1, times: 0, ..*last };
                return Some(script);
            }
            script.pop();
        }
        None
    }
}

/// Answers what a type asks when it is read.
pub(super) struct Probe<'s> {
    sampler: &'s mut Sampler,
    depth: u32,
    within: usize,
}

impl<'s> Probe<'s> {
    /// A part of what is made.
    fn part(&mut self, within: usize) -> Result<Probe<'_>, Error> {
        self.sampler.parts += 1;
        if self.depth >= DEPTH_MAX || self.sampler.parts > PARTS_MAX {
            return Err(Error::custom("without end"));
        }
        Ok(Probe { depth: self.depth + 1, within: self.within + within, sampler: self.sampler })
    }

    fn parts(self, left: usize) -> Parts<'s> {
        Parts { probe: self, left }
    }
}

/// The least of a kind of value.
macro_rules! least {
    ($($method:ident: $visit:ident($value:expr)),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    least! {
        deserialize_bool: visit_bool(false),
        // a number that more types accept than 0
        deserialize_i8: visit_i8(1), deserialize_i16: visit_i16(1), deserialize_i32: visit_i32(1),
        deserialize_i64: visit_i64(1), deserialize_i128: visit_i128(1), deserialize_u8: visit_u8(1),
        deserialize_u16: visit_u16(1), deserialize_u32: visit_u32(1), deserialize_u64: visit_u64(1),
        deserialize_u128: visit_u128(1), deserialize_f32: visit_f32(1.0), deserialize_f64: visit_f64(1.0),
        deserialize_char: visit_char('a'), deserialize_str: visit_str(""), deserialize_string: visit_str(""),
        deserialize_bytes: visit_bytes(&[]), deserialize_byte_buf: visit_bytes(&[]),
        deserialize_identifier: visit_str(""),
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("it does not tell what it consists of"))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self.part(0)?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.parts(0))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.parts(len))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(self.parts(len))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(MapDeserializer::new(std::iter::empty::<((), ())>()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(self.parts(fields.len()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if variants.is_empty() {
            return Err(Error::custom("it has no values"));
        }
        let Self { sampler, depth, within } = self;
        if sampler.within.iter().filter(|outer| **outer == (name, variants)).count() >= AGAIN_MAX {
            return Err(Error::custom("without end"));
        }
        let chosen = sampler.choose(variants.len(), within);
        sampler.within.push((name, variants));
        let probe = Probe { sampler: &mut *sampler, depth, within };
        let made = visitor.visit_enum(Variant { name: variants[chosen], probe });
        sampler.within.pop();
        made
    }
}

/// So many parts, each the least.
struct Parts<'s> {
    probe: Probe<'s>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(self.probe.part(0)?).map(Some)
    }
}

/// A variant, with what it holds.
struct Variant<'s> {
    name: &'static str,
    probe: Probe<'s>,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'s> Variant<'s> {
    fn parts(mut self, len: usize) -> Parts<'s> {
        self.probe.within += 1;
        self.probe.parts(len)
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.probe.part(1)?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.parts(len))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(self.parts(fields.len()))
    }
}
