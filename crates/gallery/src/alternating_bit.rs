//! The alternating-bit protocol: one value after another over channels that lose, with one bit of memory.
//!
//! # Source
//! K. A. Bartlett, R. A. Scantlebury, P. T. Wilkinson, *A note on reliable full-duplex transmission over half-duplex
//! links*, CACM 12(5), 1969; Leslie Lamport, *Specifying Systems*, Addison-Wesley 2002, section 14.
//!
//! # States and steps
//! The sender flips its bit and sends a value with it; until that bit is acknowledged it sends the same again. The
//! receiver takes what comes, and acknowledges the last bit at any time. Any message in a channel may be lost.
//!
//! # Claims
//! AB1 what is acknowledged has been received. AB2 what is sent is received in the end, if both keep sending, and what is
//! sent again and again is received again and again.
//!
//! # Departures from the source
//! Channels hold at most `most` messages each: who wants to send into a full one waits. (The source does not look at
//! states beyond; the states within are the same.)

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::fifo::Fifo;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The system.
#[derive(Clone, Debug)]
pub struct AlternatingBit {
    /// Values.
    values: u8,
    /// What a channel holds at most.
    most: usize,
    /// The twin: the sender takes any acknowledgement for the one it waits for.
    broken: bool,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The messages under way: 2v + b + 1 for value v with bit b.
    messages: Fifo,
    /// The acknowledgements under way: b + 1 for bit b.
    acknowledgements: Fifo,
    /// The sender's bit.
    bit: u8,
    /// The last bit acknowledged.
    acknowledged: u8,
    /// The receiver's bit.
    received_bit: u8,
    sent: u8,
    received: u8,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// The sender sends a new value.
    SendNewValue(u8),
    /// The sender sends the same again.
    ResendMessage,
    /// The receiver receives.
    ReceiveMessage,
    /// The receiver acknowledges.
    SendAcknowledgement,
    /// The sender receives an acknowledgement.
    ReceiveAcknowledgement,
    /// The message at this place is lost.
    LoseMessage(usize),
    /// The acknowledgement at this place is lost.
    LoseAcknowledgement(usize),
}

impl State {
    fn with_message(&self) -> Self {
        Self { messages: self.messages.push(2 * self.sent + self.bit + 1), ..*self }
    }
}

impl System for AlternatingBit {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let none = Fifo::default();
        for bit in 0..2 {
            for sent in 0..self.values {
                for received in 0..self.values {
                    each(State {
                        messages: none,
                        acknowledgements: none,
                        bit,
                        acknowledged: bit,
                        received_bit: bit,
                        sent,
                        received,
                    });
                }
            }
        }
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        let State { messages, acknowledgements, .. } = *state;
        let room = messages.len() < self.most;
        if state.acknowledged == state.bit {
            for value in (0..self.values).filter(|_| room) {
                let next = State { sent: value, bit: 1 - state.bit, ..*state };
                each(Action::SendNewValue(value), next.with_message());
            }
        } else if room {
            each(Action::ResendMessage, state.with_message());
        }
        if let Some((first, messages)) = messages.pop() {
            let (received, received_bit) = ((first - 1) / 2, (first - 1) % 2);
            each(Action::ReceiveMessage, State { messages, received_bit, received, ..*state });
        }
        if acknowledgements.len() < self.most {
            let more = acknowledgements.push(state.received_bit + 1);
            each(Action::SendAcknowledgement, State { acknowledgements: more, ..*state });
        }
        if let Some((first, acknowledgements)) = acknowledgements.pop() {
            let acknowledged = if self.broken { state.bit } else { first - 1 };
            each(Action::ReceiveAcknowledgement, State { acknowledgements, acknowledged, ..*state });
        }
        for at in 0..messages.len() {
            each(Action::LoseMessage(at), State { messages: messages.without(at), ..*state });
        }
        for at in 0..acknowledgements.len() {
            let acknowledgements = acknowledgements.without(at);
            each(Action::LoseAcknowledgement(at), State { acknowledgements, ..*state });
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        // at the start nothing has been sent, and the two may differ: then both channels carry nothing that matters
        let waits = |_: &Self, s: &State| s.acknowledged != s.bit && s.sent == 0;
        vec![
            Claim::new(
                "AB1",
                "what is acknowledged has been received",
                Says::Always(|_, s: &State| s.acknowledged != s.bit || s.received_bit == s.bit),
            ),
            Claim::new(
                "AB2",
                "value 0 is received once sent",
                Says::LeadsTo(waits, |_, s: &State| s.received == 0),
            ),
            Claim::new(
                "AB3",
                "a value may be received and acknowledged",
                Says::Sometimes(|_, s: &State| s.bit == s.acknowledged && !s.messages.is_empty()),
            ),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        match action {
            Action::ResendMessage => Justice::Weak(0),
            Action::SendAcknowledgement => Justice::Weak(1),
            Action::ReceiveMessage => Justice::Strong(2),
            Action::ReceiveAcknowledgement => Justice::Strong(3),
            _ => Justice::None,
        }
    }
}

impl Published for AlternatingBit {
    const NAME: &'static str = "alternating-bit";
    const PAGE: &'static str = include_str!("alternating_bit.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("values", "values", 2, 1, 7),
        constant("most", "what a channel holds at most", 2, 1, Fifo::MOST as u64),
        broken("1: any acknowledgement is taken for the right one"),
    ];
    const ROWS: &'static [Row] = &[Row::new(&[("values", 2), ("most", 2)], 240, 10).from(8).published()];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "AB1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let (values, most) = (constants.get("values") as u8, constants.size("most"));
        Ok(Self { values, most, broken: constants.broken() })
    }
}
