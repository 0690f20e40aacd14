//! Epidemics (Demers et al. 1987): updates that spread by contacts between processes that choose each other at random.

pub mod anti_entropy;
pub mod bimodal;
pub mod infection;
pub mod rumor_mongering;

pub use anti_entropy::AntiEntropy;
pub use bimodal::Bimodal;
pub use infection::Infection;
pub use rumor_mongering::RumorMongering;
pub use synod_model::interface::{Learn, Update};

use synod_model::prelude::*;

/// How many others there are to choose a partner from.
fn others(group: Group) -> u32 {
    group.count.saturating_sub(1)
}

/// The member with number `chosen` among those that are not `me`.
fn partner(group: Group, me: ProcessId, chosen: u32) -> ProcessId {
    let place = group.first.0 + chosen;
    ProcessId(if place >= me.0 { place + 1 } else { place })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_member_is_a_partner_once() {
        let group = Group::new(3, 4);
        let all: Vec<_> = (0..others(group)).map(|k| partner(group, ProcessId(4), k).0).collect();
        assert_eq!(all, [3, 5, 6]);
    }
}
