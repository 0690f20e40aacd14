//! Axis 2: what links promise, between correct processes (Cachin, Guerraoui, Rodrigues 2011, ch. 2).
//!
//! The order of link models follows from their sets of [`Guarantee`]s. It is not a chain: stubborn links break
//! FLL2 (finite duplication), perfect links break SL1 (delivered infinitely often).

use crate::system::{AtLeast, order};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One promise of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarantee {
    /// FLL1: sent infinitely often => delivered infinitely often.
    FairLoss,
    /// FLL2: a message sent finitely often is delivered finitely often.
    FiniteDuplication,
    /// FLL3, SL2, PL3, LPL3: nothing is delivered that was not sent.
    NoCreation,
    /// Delivered at least once (unless cancelled): what acknowledged retransmission gives.
    AtLeastOnce,
    /// SL1: sent once => delivered infinitely often.
    StubbornDelivery,
    /// PL2, LPL2: delivered at most once, per pair of incarnations.
    NoDuplication,
    /// LPL1: survives a crash of the receiver.
    LoggedDelivery,
    /// Survives a crash of the sender once its send is stored.
    DurableSending,
    /// Delivered in the order in which it was sent.
    FifoOrder,
    /// AL3: what is delivered from a correct process was sent by it, whatever is injected.
    Authenticity,
    /// Nothing is injected by an outsider.
    NoInjection,
}

impl Guarantee {
    const ALL: [Self; 11] = [
        Self::FairLoss,
        Self::FiniteDuplication,
        Self::NoCreation,
        Self::AtLeastOnce,
        Self::StubbornDelivery,
        Self::NoDuplication,
        Self::LoggedDelivery,
        Self::DurableSending,
        Self::FifoOrder,
        Self::Authenticity,
        Self::NoInjection,
    ];

    /// The textbook's identifier and the promise in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FairLoss => "FLL1 fair-loss",
            Self::FiniteDuplication => "FLL2 finite duplication",
            Self::NoCreation => "no creation",
            Self::AtLeastOnce => "at least once",
            Self::StubbornDelivery => "SL1 stubborn delivery",
            Self::NoDuplication => "no duplication",
            Self::LoggedDelivery => "LPL1 logged delivery",
            Self::DurableSending => "durable sending",
            Self::FifoOrder => "FIFO order",
            Self::Authenticity => "AL3 authenticity",
            Self::NoInjection => "no injection",
        }
    }
}

/// A set of guarantees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guarantees(u16);

impl Guarantees {
    const fn of(list: &[Guarantee]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= 1 << list[i] as u16;
            i += 1;
        }
        Self(bits)
    }

    const fn with(self, more: Guarantee) -> Self {
        Self(self.0 | 1 << more as u16)
    }

    const fn without(self, less: Guarantee) -> Self {
        Self(self.0 & !(1 << less as u16))
    }

    /// Whether all of `other` are among these.
    pub const fn include(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether `guarantee` is among these.
    pub const fn has(self, guarantee: Guarantee) -> bool {
        self.0 & 1 << guarantee as u16 != 0
    }

    /// Its members.
    pub fn iter(self) -> impl Iterator<Item = Guarantee> {
        Guarantee::ALL.into_iter().filter(move |&g| self.has(g))
    }
}

/// The plain link models as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkBase {
    /// See [`FairLoss`].
    FairLoss,
    /// See [`Stubborn`].
    Stubborn,
    /// See [`Perfect`].
    Perfect,
    /// See [`Logged`].
    Logged,
    /// See [`Durable`].
    Durable,
}

impl LinkBase {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::FairLoss, Self::Stubborn, Self::Perfect, Self::Logged, Self::Durable];

    /// What it promises.
    pub const fn guarantees(self) -> Guarantees {
        use Guarantee as G;
        let fair_loss = Guarantees::of(&[G::FairLoss, G::FiniteDuplication, G::NoCreation, G::NoInjection]);
        match self {
            Self::FairLoss => fair_loss,
            Self::Stubborn => {
                fair_loss.without(G::FiniteDuplication).with(G::AtLeastOnce).with(G::StubbornDelivery)
            }
            Self::Perfect => fair_loss.with(G::AtLeastOnce).with(G::NoDuplication),
            Self::Logged => Self::Perfect.guarantees().with(G::LoggedDelivery),
            Self::Durable => Self::Logged.guarantees().with(G::DurableSending),
        }
    }

    /// The field's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FairLoss => "fair-loss",
            Self::Stubborn => "stubborn",
            Self::Perfect => "perfect",
            Self::Logged => "logged",
            Self::Durable => "durable",
        }
    }
}

/// A link model as a value: a plain one, and what is wrapped around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LinkKind {
    /// The plain model.
    pub base: LinkBase,
    /// Wrapped in [`Fifo`].
    pub fifo: bool,
    /// Wrapped in [`Arbitrary`].
    pub arbitrary: bool,
    /// Wrapped in [`Authenticated`].
    pub authenticated: bool,
}

impl LinkKind {
    /// `base` without any wrapper.
    pub const fn plain(base: LinkBase) -> Self {
        Self { base, fifo: false, arbitrary: false, authenticated: false }
    }

    /// What it promises, wrappers included.
    pub const fn guarantees(self) -> Guarantees {
        let mut all = self.base.guarantees();
        if self.fifo {
            all = all.with(Guarantee::FifoOrder);
        }
        if self.arbitrary {
            all = all.without(Guarantee::NoInjection);
        }
        if self.authenticated {
            all = all.with(Guarantee::Authenticity);
        }
        all
    }

    /// Whether it promises all that `weaker` does.
    pub const fn at_least(self, weaker: Self) -> bool {
        self.guarantees().include(weaker.guarantees())
    }
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (wrapped, name) in
            [(self.authenticated, "authenticated "), (self.arbitrary, "arbitrary "), (self.fifo, "fifo ")]
        {
            if wrapped {
                f.write_str(name)?;
            }
        }
        f.write_str(self.base.name())
    }
}

/// A link model, as a marker type.
pub trait LinkModel: 'static {
    /// The same as a value.
    const KIND: LinkKind;
}

macro_rules! links {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;
        impl LinkModel for $name { const KIND: LinkKind = LinkKind::plain(LinkBase::$name); }
    )*};
}
links! {
    /// FLL1-3: loses, duplicates finitely, reorders; never creates. The real thing: UDP datagrams.
    FairLoss;
    /// SL1-2: what is sent once is delivered infinitely often.
    Stubborn;
    /// PL1-3: reliable, no duplication, no creation; no order. Under crash-recovery: exactly once per pair of
    /// incarnations; what is in flight when either end crashes is lost, or delivered once.
    Perfect;
    /// LPL1-3: as perfect, and a crash of the receiver loses nothing.
    Logged;
    /// As logged, also for a sender that crashes once its send is stored.
    Durable;
}

order! { LINKS:
    FairLoss >= FairLoss;
    Stubborn >= Stubborn;
    Perfect >= Perfect, FairLoss;
    Logged >= Logged, Perfect, FairLoss;
    Durable >= Durable, Logged, Perfect, FairLoss;
}

macro_rules! wrappers {
    ($($(#[$doc:meta])* $name:ident, $field:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name<L>(std::marker::PhantomData<L>);
        impl<L: LinkModel> LinkModel for $name<L> {
            const KIND: LinkKind = LinkKind { $field: true, ..L::KIND };
        }
        impl<L: AtLeast<K>, K> AtLeast<$name<K>> for $name<L> {}
    )*};
}
wrappers! {
    /// `L`, delivering in the order of sending.
    Fifo, fifo;
    /// `L`'s promises for what is sent; besides, anything may be injected, changed, replayed: an untrusted network.
    Arbitrary, arbitrary;
    /// `L`'s promises and AL3: what is delivered from a correct process was sent by it.
    Authenticated, authenticated;
}

/// A wrapped link provides what the plain one does, where the wrapper only adds guarantees.
macro_rules! wrapped_provides {
    ($($wrapper:ident: $($plain:ident),*;)*) => {$($(
        impl<L: AtLeast<$plain>> AtLeast<$plain> for $wrapper<L> {}
    )*)*};
}
wrapped_provides! {
    Fifo: FairLoss, Stubborn, Perfect, Logged, Durable;
    Authenticated: FairLoss, Stubborn, Perfect, Logged, Durable;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_links_is_inclusion_of_their_guarantees() {
        let name = |b: LinkBase| format!("{b:?}");
        for host in LinkBase::ALL {
            for module in LinkBase::ALL {
                let table = LINKS.iter().any(|&(h, m)| h == name(host) && m == name(module));
                assert_eq!(host.guarantees().include(module.guarantees()), table, "{host:?} >= {module:?}");
            }
        }
    }

    #[test]
    fn between_fair_loss_stubborn_and_perfect_only_perfect_provides_fair_loss() {
        let three = [LinkBase::FairLoss, LinkBase::Stubborn, LinkBase::Perfect];
        for a in three {
            for b in three {
                let expected = a == b || (a == LinkBase::Perfect && b == LinkBase::FairLoss);
                assert_eq!(LinkKind::plain(a).at_least(LinkKind::plain(b)), expected, "{a:?} >= {b:?}");
            }
        }
    }

    #[test]
    fn wrappers_add_and_an_arbitrary_network_takes_away() {
        assert!(Fifo::<Perfect>::KIND.at_least(Perfect::KIND));
        assert!(!Arbitrary::<Perfect>::KIND.at_least(Perfect::KIND));
        assert!(Authenticated::<Perfect>::KIND.guarantees().has(Guarantee::Authenticity));
        assert_eq!(Fifo::<Authenticated<Perfect>>::KIND.to_string(), "authenticated fifo perfect");
    }
}
