//! A signed value that nobody signed.

use synod_model::{ProcessId, Signed};

fn forge() -> Signed<u8> {
    Signed { signer: ProcessId(0), value: 1, signature: Vec::new() }
}

fn main() {}
