//! Where the rounds of ballots are: they are compared, and followed by the next.

use super::{Leading, Ledger, Message, Phase, SingleDecree};
use synod_model::Renumber;

impl<V> SingleDecree<V> {
    pub(super) fn each_round(&mut self, each: &mut Renumber<'_>) {
        self.ledger.each_round(each);
        let Some(Leading { ballot, phase }) = &mut self.leading else { return };
        each(&mut ballot.round);
        if let Phase::Prepare { greatest: Some(vote), .. } = phase {
            each(&mut vote.ballot.round);
        }
    }
}

impl<V> Ledger<V> {
    pub(super) fn each_round(&mut self, each: &mut Renumber<'_>) {
        let ballots = self.promised.iter_mut().chain(self.accepted.iter_mut().map(|vote| &mut vote.ballot));
        ballots.for_each(|ballot| each(&mut ballot.round));
    }
}

impl<V> Message<V> {
    pub(super) fn each_round(&mut self, each: &mut Renumber<'_>) {
        match self {
            Self::Prepare(ballot) | Self::Accepted(ballot) | Self::Nack(ballot) => each(&mut ballot.round),
            Self::Promise(ballot, vote) => {
                each(&mut ballot.round);
                if let Some(vote) = vote {
                    each(&mut vote.ballot.round);
                }
            }
            Self::Accept(vote) => each(&mut vote.ballot.round),
            Self::Forward(_) | Self::Decided(_) | Self::Recovered => {}
        }
    }
}
