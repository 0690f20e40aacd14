//! The objects that come with it: what each does when it is used by one client at a time.

mod cas_register;
mod collection;
mod counter;
mod etcd;
mod lock;
mod register;
mod text;

pub use cas_register::{CasRegister, CasRegisterOperation, CasRegisterReturn};
pub use collection::{
    List, ListOperation, ListReturn, Queue, QueueOperation, QueueReturn, Set, SetOperation, SetReturn, Stack,
    StackOperation, StackReturn,
};
pub use counter::{Counter, CounterOperation, CounterReturn};
pub use etcd::{EtcdMap, EtcdMapOperation, EtcdMapReturn, Revised, Revisions};
pub use lock::{Lock, LockOperation, LockReturn};
pub use register::{Register, RegisterOperation, RegisterReturn};
pub use text::{TextMap, TextOperation, TextReturn};
