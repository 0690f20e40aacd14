//! The lock.

use crate::history::Client;
use crate::specification::SequentialSpecification;

/// A lock that one client at a time holds; who holds it may not acquire it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lock {
    /// Whether only its holder may release it.
    pub owned: bool,
}

/// What is asked of a lock, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockOperation {
    /// Hold it.
    Acquire(Client),
    /// Hold it no longer.
    Release(Client),
}

/// What a lock answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockReturn {
    /// It is so.
    Done,
    /// It is held, or not held by who releases it.
    Refused,
}

impl SequentialSpecification for Lock {
    type State = Option<Client>;
    type Operation = LockOperation;
    type Return = LockReturn;

    fn initial(&self) -> Option<Client> {
        None
    }

    fn apply(&self, holder: &Option<Client>, operation: &LockOperation) -> (Option<Client>, LockReturn) {
        match (operation, holder) {
            (LockOperation::Acquire(client), None) => (Some(*client), LockReturn::Done),
            (LockOperation::Release(client), Some(holder)) if !self.owned || client == holder => {
                (None, LockReturn::Done)
            }
            _ => (*holder, LockReturn::Refused),
        }
    }

    fn observes(&self, _: &LockOperation, returned: Option<&LockReturn>) -> bool {
        returned == Some(&LockReturn::Refused)
    }
}
