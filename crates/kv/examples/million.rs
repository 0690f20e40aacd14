//! What a store of many small keys takes: `cargo run --release -p synod-kv --example million [KEYS]`
#![expect(clippy::print_stdout, reason = "it is what an example is for")]

use std::time::Instant;
use synod_kv::act::{Lifetime, Only, Set};
use synod_kv::{Act, Command, Store, Write};
use synod_model::interface::StateMachine;

/// How many keys a command sets.
const TOGETHER: usize = 100;

/// The memory of this OS process, in bytes.
fn memory() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    resident.map_or(f64::NAN, |pages| pages * 4096.0)
}

fn set(number: usize) -> Act {
    Act::Write(Write::Set(Set {
        key: format!("key:{number:09}").as_str().into(),
        value: format!("{number:010}").as_str().into(),
        only: Only::Always,
        lifetime: Lifetime::Unbounded,
        tell_old: false,
    }))
}

/// Does something, and tells how long it took.
fn timed<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = act();
    println!("{what}: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    done
}

fn main() {
    let keys: usize = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number"));
    let before = memory();
    let mut store = Store::default();
    timed("set, a hundred to a command", || {
        for from in (0..keys).step_by(TOGETHER) {
            let acts = (from..keys.min(from + TOGETHER)).map(set).collect();
            store.execute(&Command { at: 1, acts });
        }
    });
    println!("{:.0} bytes a key", (memory() - before) / keys as f64);
    let written = timed("written down", || postcard::to_stdvec(&store).expect("it can be written down"));
    println!("{:.1} MB", written.len() as f64 / 1e6);
    let read: Store = timed("read", || postcard::from_bytes(&written).expect("what was written can be read"));
    assert!(timed("compared", || read == store));
    println!("{} pieces", timed("in pieces", || store.pieces()).len());
}
