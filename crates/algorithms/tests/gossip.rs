//! Epidemics, sentence by sentence: the partner chosen is the first of the others.

mod common;

use common::{Alone, DidOf, Indicate, Send};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use synod_algorithms::gossip::rumor_mongering::{self, Direction, Interest};
use synod_algorithms::gossip::{
    AntiEntropy, Infection, Learn, RumorMongering, Update, anti_entropy, infection,
};
use synod_model::{InRound, Process, Round, RoundEnds, RoundProcess, Rounds};

type Rumor = Rounds<RumorMongering<u8>>;

fn all(updates: &[u8]) -> BTreeSet<u8> {
    updates.iter().copied().collect()
}

/// What was sent and told, without the clock.
fn said<A: RoundProcess>(did: Vec<DidOf<Rounds<A>>>) -> Vec<DidOf<Rounds<A>>> {
    did.into_iter().filter(|did| matches!(did, Send(..) | Indicate(_))).collect()
}

/// Ends the rounds up to this one; what the last did.
fn end<A: RoundProcess>(
    p: &mut Alone<Rounds<A>>,
    rounds: std::ops::RangeInclusive<u32>,
) -> Vec<DidOf<Rounds<A>>> {
    rounds.map(|round| said::<A>(p.timer(RoundEnds(Round(round))))).last().unwrap_or_default()
}

fn rumor(direction: Direction, k: u32) -> Alone<Rumor> {
    Alone::new(0, 3, rumor_mongering::Parameters::feedback_and_counter(direction, k))
}

fn tells(round: u32, to: u32) -> DidOf<Rumor> {
    Send(to, InRound { round: Round(round), message: rumor_mongering::Message::Rumors(all(&[7])) })
}

fn feedback(round: u32, useful: bool) -> InRound<rumor_mongering::Message<u8>> {
    let news = BTreeMap::from([(7, useful)]);
    InRound { round: Round(round), message: rumor_mongering::Message::Feedback(news) }
}

#[test]
fn a_rumor_is_pushed_until_k_contacts_in_a_row_were_useless() {
    let mut p = rumor(Direction::Push, 2);
    p.request(Update(7));
    assert_eq!(end(&mut p, 0..=0), [Indicate(Learn(7))]);
    assert_eq!(end(&mut p, 1..=1), [tells(2, 1)]);
    for (round, useful) in [(3, false), (5, true), (7, false)] {
        p.message(1, feedback(round, useful));
        assert_eq!(end(&mut p, round - 1..=round), [tells(round + 1, 1)], "{round}");
    }
    p.message(1, feedback(9, false));
    assert_eq!(end(&mut p, 8..=9), [], "it has lost interest");
    assert_eq!(end(&mut p, 10..=13), []);
}

#[test]
fn feedback_speaks_of_the_start_of_the_cycle() {
    let mut p = rumor(Direction::Push, 1);
    let told = |round| InRound { round: Round(round), message: rumor_mongering::Message::Rumors(all(&[7])) };
    end(&mut p, 0..=1);
    p.message(1, told(2));
    p.message(2, told(2));
    let both = [Send(1, feedback(3, true)), Send(2, feedback(3, true)), Indicate(Learn(7))];
    assert_eq!(end(&mut p, 2..=2), both);
    assert_eq!(end(&mut p, 3..=3), [tells(4, 1)]);
    p.message(2, told(4));
    assert_eq!(end(&mut p, 4..=4), [Send(2, feedback(5, false))]);
}

#[test]
fn whoever_pulls_is_told_what_is_hot() {
    let mut p = rumor(Direction::Pull, 1);
    p.request(Update(7));
    let request = |round| InRound { round: Round(round), message: rumor_mongering::Message::Request };
    end(&mut p, 0..=0);
    assert_eq!(end(&mut p, 1..=1), [Send(1, request(2))]);
    p.message(2, request(2));
    assert_eq!(end(&mut p, 2..=2), [tells(3, 2)]);
    p.message(2, feedback(4, false));
    end(&mut p, 3..=4);
    p.message(2, request(5));
    assert_eq!(end(&mut p, 5..=5), [], "it has lost interest");
}

#[test]
fn whoever_gossips_blindly_loses_interest_by_its_own_contacts() {
    let parameters = rumor_mongering::Parameters {
        feedback: false,
        interest: Interest::Counter(2),
        ..rumor_mongering::Parameters::feedback_and_counter(Direction::Push, 2)
    };
    let mut p = Alone::<Rumor>::new(0, 3, parameters);
    p.request(Update(7));
    assert_eq!(end(&mut p, 0..=1), [tells(2, 1)]);
    assert_eq!(end(&mut p, 2..=3), [tells(4, 1)]);
    assert_eq!(end(&mut p, 4..=5), []);
}

#[test]
fn anti_entropy_answers_by_what_was_known_at_the_start_of_the_cycle() {
    type Exchange = Rounds<AntiEntropy<u8>>;
    let parameters =
        anti_entropy::Parameters { direction: anti_entropy::Direction::PushPull, cycles: None, defect: None };
    let mut p = Alone::<Exchange>::new(0, 3, parameters);
    p.request(Update(7));
    let message = |round, message| InRound { round: Round(round), message };
    let exchange = |round, known: &[u8]| message(round, anti_entropy::Message::Exchange(all(known)));
    end(&mut p, 0..=0);
    assert_eq!(end(&mut p, 1..=1), [Send(1, exchange(2, &[7]))]);
    p.message(2, exchange(2, &[8]));
    let answer = message(3, anti_entropy::Message::Answer(all(&[7])));
    assert_eq!(end(&mut p, 2..=2), [Send(2, answer), Indicate(Learn(8))]);
    assert_eq!(end(&mut p, 3..=3), [Send(1, exchange(4, &[7, 8]))]);
}

#[test]
fn news_rides_on_pings_and_acknowledgements_a_number_of_times() {
    type Riding = Infection<u8>;
    let parameters = infection::Parameters { times: Some(2), ..infection::Parameters::default() };
    let mut p = Alone::<Riding>::new(0, 3, parameters);
    p.request(Update(7));
    let said = |did: Vec<DidOf<Riding>>| -> Vec<DidOf<Riding>> {
        did.into_iter().filter(|did| matches!(did, Send(..) | Indicate(_))).collect()
    };
    let ping = |news: &[u8]| infection::Message::Ping(all(news));
    let ack = |news: &[u8]| infection::Message::Ack(all(news));
    assert_eq!(said(p.timer(infection::Tick)), [Send(1, ping(&[7]))]);
    assert_eq!(said(p.message(2, ping(&[8]))), [Send(2, ack(&[7])), Indicate(Learn(8))]);
    assert_eq!(said(p.message(1, ack(&[7]))), []);
    assert_eq!(said(p.timer(infection::Tick)), [Send(1, ping(&[8]))]);
}

#[test]
fn a_period_has_as_many_ticks_as_it_is_told() {
    let ms = Duration::from_millis;
    let parameters = infection::Parameters { period: ms(100), ticks: 10, ..infection::Parameters::default() };
    let process = <Infection<u8> as Process>::MARKS;
    assert!(process.is_empty());
    let mut p = Alone::<Infection<u8>>::new(0, 2, parameters);
    // the first of ten outcomes is a ping
    assert_eq!(p.timer(infection::Tick).len(), 2);
}
