//! Which links a cluster's nodes have: what the algorithm's model asks, by what it is asked to run over.

use crate::error::Error;
use synod_model::failure::FailureKind;
use synod_model::link::{LinkBase, LinkKind};
use synod_runtime::link::udp::stack::Build;
use synod_runtime::link::{LinkSettings, Security, Transport};

/// The links for an algorithm that asks for `kind`: datagrams where those are enough, streams where more is asked;
/// secured where its model has authenticated links or signatures; unless told otherwise.
pub(super) fn links(
    kind: LinkKind,
    failures: FailureKind,
    transport: Option<Transport>,
    security: Option<Security>,
) -> Result<LinkSettings, Error> {
    let is_plain = kind.base == LinkBase::FairLoss;
    let transport = transport.unwrap_or(if is_plain { Transport::Udp } else { Transport::Tcp });
    let secure = match transport {
        Transport::Udp => Security::Mac,
        Transport::Tcp | Transport::Memory => Security::Tls,
    };
    let has_signatures = failures == FailureKind::AuthenticatedByzantine;
    let security =
        security.unwrap_or(if kind.authenticated || has_signatures { secure } else { Security::None });
    if has_signatures && security == Security::None {
        return Err(Error::Arguments {
            what: "this model has signatures, and without security there are no keys to sign with".to_owned(),
            hint: format!("leave --security out, or ask for {secure:?}").to_lowercase(),
        });
    }
    if security != Security::None && security != secure {
        return Err(Error::Arguments {
            what: format!("{security:?} does not go with {transport:?}").to_lowercase(),
            hint: "mac goes with udp, tls with tcp".to_owned(),
        });
    }
    let has_stack = is_plain || cfg!(feature = "library");
    let asks_too_much = !has_stack || kind.fifo || matches!(kind.base, LinkBase::Logged | LinkBase::Durable);
    if transport == Transport::Udp && asks_too_much {
        return Err(Error::Arguments {
            what: format!("there are no {kind} links over datagrams"),
            hint: "run it over tcp".to_owned(),
        });
    }
    Ok(LinkSettings { transport, security, ..LinkSettings::default() })
}

/// What makes of datagrams the links that `kind` asks for.
#[cfg(feature = "library")]
pub(super) fn stack(kind: LinkKind) -> Option<Build> {
    if kind.base == LinkBase::FairLoss { None } else { Some(repeat) }
}

/// Without the library there is none.
#[cfg(not(feature = "library"))]
pub(super) fn stack(_: LinkKind) -> Option<Build> {
    None
}

/// Selective repeat of the library, as it is checked and simulated, on bytes.
#[cfg(feature = "library")]
fn repeat(
    me: synod_model::ProcessId,
    group: synod_model::Group,
    incarnation: u64,
) -> Box<dyn synod_runtime::link::udp::stack::Stack> {
    use std::hash::{BuildHasher, RandomState};
    use synod_algorithms::links::{SelectiveRepeat, selective_repeat};
    use synod_runtime::link::udp::stack::{Bundle, Stacked};
    type Link = SelectiveRepeat<Bundle>;
    // a node's first incarnation is 1; the link counts its starts from 0, and the disk has the one before
    let before =
        incarnation.checked_sub(2).map(|last| synod_model::Whole(Some(selective_repeat::Incarnation(last))));
    let seed = RandomState::new().hash_one((me, incarnation));
    let parameters = selective_repeat::Parameters::default();
    Box::new(Stacked::<Link>::new(me, group, seed, &parameters, before.as_ref(), Link::lost))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "library")]
    #[test]
    fn datagrams_carry_what_asks_for_no_more_and_a_stack_makes_perfect_links_of_them() {
        let plain = LinkKind::plain;
        let links = |kind, transport, security| links(kind, FailureKind::CrashStop, transport, security);
        let chosen = |kind, transport| links(kind, transport, None).map(|links| links.transport);
        assert!(matches!(chosen(plain(LinkBase::FairLoss), None), Ok(Transport::Udp)));
        assert!(matches!(chosen(plain(LinkBase::Perfect), None), Ok(Transport::Tcp)));
        assert!(matches!(chosen(plain(LinkBase::Perfect), Some(Transport::Udp)), Ok(Transport::Udp)));
        assert!(chosen(plain(LinkBase::Logged), Some(Transport::Udp)).is_err());
        assert!(links(plain(LinkBase::Perfect), Some(Transport::Tcp), Some(Security::Mac)).is_err());
        assert!(links(plain(LinkBase::FairLoss), None, Some(Security::Mac)).is_ok());
        assert!(stack(plain(LinkBase::FairLoss)).is_none() && stack(plain(LinkBase::Perfect)).is_some());
    }

    #[test]
    fn what_the_model_takes_for_authentic_is_secured() {
        let secured = |base, authenticated, failures, security| {
            let kind = LinkKind { authenticated, ..LinkKind::plain(base) };
            links(kind, failures, None, security).map(|links| links.security)
        };
        let (stop, signed) = (FailureKind::CrashStop, FailureKind::AuthenticatedByzantine);
        assert!(matches!(secured(LinkBase::Perfect, false, stop, None), Ok(Security::None)));
        assert!(matches!(secured(LinkBase::Perfect, true, stop, None), Ok(Security::Tls)));
        assert!(matches!(secured(LinkBase::FairLoss, true, stop, None), Ok(Security::Mac)));
        assert!(matches!(secured(LinkBase::Perfect, true, stop, Some(Security::None)), Ok(Security::None)));
        assert!(matches!(secured(LinkBase::Perfect, false, signed, None), Ok(Security::Tls)));
        assert!(secured(LinkBase::Perfect, false, signed, Some(Security::None)).is_err());
    }
}
