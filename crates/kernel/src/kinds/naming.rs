//! The names of the variants in a value, in the order in which it is written from the outside in.

use super::NAMES_MAX;
use serde::Serialize;
use serde::de::value::Error;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// What names a value.
#[derive(Default)]
pub(super) struct Named {
    /// The variants on the way down.
    path: Vec<&'static str>,
    /// Its type, where that is a struct.
    of: Option<&'static str>,
}

impl Named {
    pub(super) fn text(&self) -> String {
        let Some((last, outer)) = self.path.split_last() else {
            return self.of.unwrap_or_default().to_owned();
        };
        let opened: String = outer.iter().flat_map(|name| [*name, "("]).collect();
        format!("{opened}{last}{}", ")".repeat(outer.len()))
    }

    fn variant(name: &'static str, inner: Vec<&'static str>) -> Self {
        Self { path: std::iter::once(name).chain(inner).collect(), of: None }
    }
}

/// Reads off names, as many as are left.
#[derive(Clone, Copy)]
pub(super) struct Names {
    left: usize,
}

impl Names {
    pub(super) const fn all() -> Self {
        Self { left: NAMES_MAX }
    }

    fn within(self) -> Self {
        Self { left: self.left.saturating_sub(1) }
    }

    fn fields(self, variant: Option<&'static str>, of: Option<&'static str>) -> Fields {
        let names = if variant.is_some() { self.within() } else { self };
        Fields { names, variant, of, found: Vec::new(), bearing: 0 }
    }
}

/// The fields of a value that has several: where one alone has names, it is the one that tells.
pub(super) struct Fields {
    names: Names,
    variant: Option<&'static str>,
    of: Option<&'static str>,
    found: Vec<&'static str>,
    bearing: u32,
}

impl Fields {
    fn field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if self.names.left > 0 {
            let path = value.serialize(self.names)?.path;
            if !path.is_empty() {
                self.bearing += 1;
                self.found = path;
            }
        }
        Ok(())
    }

    fn named(self) -> Named {
        let path = if self.bearing == 1 { self.found } else { Vec::new() };
        match self.variant {
            Some(name) => Named::variant(name, path),
            None => Named { path, of: self.of },
        }
    }
}

/// What a value without names is written as.
macro_rules! nameless {
    ($($method:ident: $type:ty),* $(,)?) => {$(
        fn $method(self, _: $type) -> Result<Named, Error> {
            Ok(Named::default())
        }
    )*};
}

impl Serializer for Names {
    type Ok = Named;
    type Error = Error;
    type SerializeSeq = Nothing;
    type SerializeTuple = Fields;
    type SerializeTupleStruct = Fields;
    type SerializeTupleVariant = Fields;
    type SerializeMap = Nothing;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    nameless! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_str: &str,
        serialize_bytes: &[u8],
    }

    fn serialize_none(self) -> Result<Named, Error> {
        Ok(Named::default())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Named, Error> {
        Ok(Named::default())
    }

    fn serialize_unit(self) -> Result<Named, Error> {
        Ok(Named::default())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<Named, Error> {
        Ok(self.fields(None, Some(name)).named())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Named, Error> {
        Ok(Named::variant(variant, Vec::new()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Named, Error> {
        let mut fields = self.fields(None, Some(name));
        fields.field(value)?;
        Ok(fields.named())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Named, Error> {
        let mut fields = self.fields(Some(variant), None);
        fields.field(value)?;
        Ok(fields.named())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Nothing, Error> {
        Ok(Nothing)
    }

    fn serialize_tuple(self, _: usize) -> Result<Fields, Error> {
        Ok(self.fields(None, None))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Fields, Error> {
        Ok(self.fields(None, Some(name)))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields, Error> {
        Ok(self.fields(Some(variant), None))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Nothing, Error> {
        Ok(Nothing)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields, Error> {
        Ok(self.fields(None, Some(name)))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields, Error> {
        Ok(self.fields(Some(variant), None))
    }
}

/// One trait for each way in which serde writes fields.
macro_rules! each_field {
    ($($trait:ident :: $method:ident ($($name:ident)?)),* $(,)?) => {$(
        impl $trait for Fields {
            type Ok = Named;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), Error> {
                $(let _ = $name;)?
                self.field(value)
            }

            fn end(self) -> Result<Named, Error> {
                Ok(self.named())
            }
        }
    )*};
}
each_field! {
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(name),
    SerializeStructVariant::serialize_field(name),
}

/// What a list or a table holds is data.
pub(super) struct Nothing;

impl SerializeSeq for Nothing {
    type Ok = Named;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Error> {
        Ok(())
    }

    fn end(self) -> Result<Named, Error> {
        Ok(Named::default())
    }
}

impl SerializeMap for Nothing {
    type Ok = Named;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Error> {
        Ok(())
    }

    fn end(self) -> Result<Named, Error> {
        Ok(Named::default())
    }
}
