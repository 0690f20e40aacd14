//! Modules in modules: how a process embeds another and lifts its messages, timers and writes into its own.
//!
//! The lift is an adapter of the [`Sink`]: effects go straight to the outermost buffer, without boxing, without
//! dynamic dispatch, without a second buffer.

use crate::context::{Context, Sink, left_to_the_outer};
use crate::event::{Effect, EffectOf};
use crate::identity::Group;
use crate::process::{Never, Process, WriteOf};
use crate::system::AtLeast;

/// The host embeds the module `M`: it says how `M`'s messages, timers and writes become its own. Written by
/// [`embed!`](crate::embed) in one line each. The host's model must provide what the module's assumes.
pub trait Embeds<M: Process>: Process<Model: AtLeast<M::Model>> {
    /// Which instance of the module; `()` where there is one.
    type Key: Clone;
    /// The module's message as the host's.
    fn message(key: &Self::Key, message: M::Message) -> Self::Message;
    /// The module's timer as the host's.
    fn timer(key: &Self::Key, timer: M::Timer) -> Self::Timer;
    /// The module's write as the host's.
    fn write(key: &Self::Key, write: WriteOf<M>) -> WriteOf<Self>;
}

/// The context of an embedded module: the host's, with the module's effects lifted.
pub struct Lifted<'a, H: Embeds<M>, M: Process, S> {
    key: H::Key,
    group: Group,
    outer: &'a mut S,
    indications: Indications<M::Indication>,
}

impl<'a, H: Embeds<M>, M: Process, S: Sink<H>> Lifted<'a, H, M, S> {
    #[inline]
    pub(crate) fn new(key: H::Key, group: Group, outer: &'a mut S) -> Self {
        Self { key, group, outer, indications: Indications::default() }
    }

    #[inline]
    pub(crate) fn into_indications(self) -> Indications<M::Indication> {
        self.indications
    }

    /// Narrows the processes that the module runs among to a group of the host's: servers among servers and clients.
    pub fn among(&mut self, group: Group) -> &mut Self {
        self.group = group;
        self
    }
}

impl<H: Embeds<M>, M: Process, S: Context<H>> Sink<M> for Lifted<'_, H, M, S> {
    #[inline]
    fn group(&self) -> Group {
        self.group
    }

    #[inline]
    fn emit(&mut self, effect: EffectOf<M>) {
        match effect {
            Effect::Send { to, message } => {
                self.outer.emit(Effect::Send { to, message: H::message(&self.key, message) });
            }
            Effect::SetTimer { timer, when } => {
                self.outer.emit(Effect::SetTimer { timer: H::timer(&self.key, timer), when });
            }
            Effect::Cancel { timer } => {
                self.outer.emit(Effect::Cancel { timer: H::timer(&self.key, timer) });
            }
            Effect::Store { write } => {
                self.outer.emit(Effect::Store { write: H::write(&self.key, write) });
            }
            Effect::Indicate { indication } => self.indications.push(indication),
        }
    }

    left_to_the_outer!();
}

/// What an embedded module indicated, in order; for its host to handle. No allocation for none or one.
#[must_use = "a module's indications are events of its host: handle them"]
#[derive(Clone, Debug)]
pub struct Indications<I> {
    first: Option<I>,
    /// Absent rather than empty: what passes through layers is dropped once in each.
    rest: Option<Vec<I>>,
}

impl<I> Default for Indications<I> {
    #[inline]
    fn default() -> Self {
        Self { first: None, rest: None }
    }
}

impl<I> Indications<I> {
    #[inline]
    fn push(&mut self, indication: I) {
        if self.first.is_none() {
            self.first = Some(indication);
        } else {
            self.rest.get_or_insert_default().push(indication);
        }
    }

    pub(crate) fn extend(&mut self, more: Self) {
        for indication in more {
            self.push(indication);
        }
    }

    /// Asserts that the module said nothing, where its specification says that it cannot have.
    ///
    /// # Panics
    /// If it did.
    pub fn expect_none(self, why: &str) {
        assert!(self.first.is_none(), "{why}");
    }
}

impl<I> IntoIterator for Indications<I> {
    type Item = I;
    type IntoIter = IndicationsInOrder<I>;
    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        IndicationsInOrder { first: self.first, rest: self.rest.map(Vec::into_iter) }
    }
}

/// What an embedded module indicated, one after the other.
#[derive(Clone, Debug)]
pub struct IndicationsInOrder<I> {
    first: Option<I>,
    rest: Option<std::vec::IntoIter<I>>,
}

impl<I> Iterator for IndicationsInOrder<I> {
    type Item = I;
    #[inline]
    fn next(&mut self) -> Option<I> {
        self.first.take().or_else(|| self.rest.as_mut()?.next())
    }
}

/// A module's timers or writes that its host need not lift, since there are none.
#[diagnostic::on_unimplemented(
    message = "the host lifts no such timers or writes of the module: `{Self}`",
    label = "the module has them, this line leaves them out",
    note = "name the host's variants for them: `Module: message Message::Module, timer Timer::Module, write Write::Module;`; \
            a module that stores needs a host with storage"
)]
pub trait Absent {
    /// There is no such value.
    fn absent<T>(self) -> T;
}

impl Absent for Never {
    fn absent<T>(self) -> T {
        match self {}
    }
}

/// Declares the modules that a process embeds, one line each.
///
/// ```text
/// embed! { Host {
///     Beb: message Message::Beb;
///     Detector: message Message::Detector, timer Timer::Detector;
/// } }
/// embed! { [V: Value] Host<V> {                            // generics of the impl in brackets
///     Consensus<V> at Slot: message Message::Slot, write Write::Slot;   // many instances by key: Message::Slot(key, m)
/// } }
/// ```
/// A module's timers or writes may be left out only where it has none.
#[macro_export]
macro_rules! embed {
    ([$($generics:tt)*] $host:ty { $($modules:tt)* }) => {
        $crate::embed!(@each [$($generics)*] [$host] $($modules)*);
    };
    ($host:ident { $($modules:tt)* }) => {
        $crate::embed!(@each [] [$host] $($modules)*);
    };
    (@each [$($generics:tt)*] [$host:ty]) => {};
    (@each [$($generics:tt)*] [$host:ty] $module:ty: message $message:path
        $(, timer $timer:path)? $(, write $write:path)?; $($rest:tt)*) => {
        impl<$($generics)*> $crate::Embeds<$module> for $host {
            type Key = ();
            #[inline]
            fn message(_: &(), message: <$module as $crate::Process>::Message) -> <$host as $crate::Process>::Message {
                $message(message)
            }
            fn timer(_: &(), timer: <$module as $crate::Process>::Timer) -> <$host as $crate::Process>::Timer {
                $crate::embed!(@lift timer $(, $timer)?)
            }
            fn write(_: &(), write: $crate::WriteOf<$module>) -> $crate::WriteOf<$host> {
                $crate::embed!(@lift write $(, $write)?)
            }
        }
        $crate::embed!(@each [$($generics)*] [$host] $($rest)*);
    };
    (@each [$($generics:tt)*] [$host:ty] $module:ident $(<$($argument:ty),*>)? at $key:ty: message $message:path
        $(, timer $timer:path)? $(, write $write:path)?; $($rest:tt)*) => {
        impl<$($generics)*> $crate::Embeds<$module $(<$($argument),*>)?> for $host {
            type Key = $key;
            #[inline]
            fn message(key: &$key, message: <$module $(<$($argument),*>)? as $crate::Process>::Message)
                -> <$host as $crate::Process>::Message {
                $message(key.clone(), message)
            }
            fn timer(key: &$key, timer: <$module $(<$($argument),*>)? as $crate::Process>::Timer)
                -> <$host as $crate::Process>::Timer {
                let _ = key;
                $crate::embed!(@lift_at key timer $(, $timer)?)
            }
            fn write(key: &$key, write: $crate::WriteOf<$module $(<$($argument),*>)?>) -> $crate::WriteOf<$host> {
                let _ = key;
                $crate::embed!(@lift_at key write $(, $write)?)
            }
        }
        $crate::embed!(@each [$($generics)*] [$host] $($rest)*);
    };
    (@lift $value:ident) => { $crate::module::Absent::absent($value) };
    (@lift $value:ident, $variant:path) => { $variant($value) };
    (@lift_at $key:ident $value:ident) => { $crate::module::Absent::absent($value) };
    (@lift_at $key:ident $value:ident, $variant:path) => { $variant($key.clone(), $value) };
}
