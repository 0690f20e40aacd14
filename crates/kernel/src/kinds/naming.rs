//! The names of the variants in a value, in the order in which it is written from the outside in.

use super::NAMES_MAX;
use crate::token::{Content, Token};

/// What names a value.
#[derive(Default)]
pub(super) struct Named {
    /// The variants on the way down.
    path: Vec<&'static str>,
    /// Its type, where that is a struct.
    of: Option<&'static str>,
}

impl Named {
    /// Of a value, taken apart.
    pub(super) fn of(value: &Token) -> Self {
        Self::within(value, NAMES_MAX)
    }

    /// With so many names at most. What a list or a table holds is data, as is what may be absent.
    fn within(value: &Token, left: usize) -> Self {
        match value {
            Token::UnitStruct(name) => Self::fields(Some(*name), &mut std::iter::empty(), left),
            Token::Newtype(name, inner) => Self::fields(Some(*name), &mut std::iter::once(&**inner), left),
            Token::Tuple(name, parts) => Self::fields(*name, &mut parts.iter(), left),
            Token::Struct(name, fields) => {
                Self::fields(Some(*name), &mut fields.iter().map(|(_, part)| part), left)
            }
            Token::Variant(name, content) => Self::variant(name, content, left.saturating_sub(1)),
            _ => Self::default(),
        }
    }

    fn variant(name: &'static str, content: &Content, left: usize) -> Self {
        let within = match content {
            Content::Unit => Self::default(),
            Content::Newtype(inner) => Self::fields(None, &mut std::iter::once(&**inner), left),
            Content::Tuple(parts) => Self::fields(None, &mut parts.iter(), left),
            Content::Struct(fields) => Self::fields(None, &mut fields.iter().map(|(_, part)| part), left),
        };
        Self { path: std::iter::once(name).chain(within.path).collect(), of: None }
    }

    /// Of a value with fields: where one alone has names, it is the one that tells.
    fn fields(of: Option<&'static str>, fields: &mut dyn Iterator<Item = &Token>, left: usize) -> Self {
        let paths = fields.take_while(|_| left > 0).map(|field| Self::within(field, left).path);
        let mut bearing = paths.filter(|path| !path.is_empty());
        let path = bearing.next().filter(|_| bearing.next().is_none()).unwrap_or_default();
        Self { path, of }
    }

    pub(super) fn text(&self) -> String {
        let Some((last, outer)) = self.path.split_last() else {
            return self.of.unwrap_or_default().to_owned();
        };
        let opened: String = outer.iter().flat_map(|name| [*name, "("]).collect();
        format!("{opened}{last}{}", ")".repeat(outer.len()))
    }
}
