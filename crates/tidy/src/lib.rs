//! The house rules that no compiler knows: what a tree of sources breaks, as complaints for people.
//!
//! Each rule reads files and changes none. `tests/house.rs` holds the workspace to all of them.

mod dependencies;
mod source;
mod tree;

pub use dependencies::{architecture, grounds_and_algorithms, third_party};
pub use source::{Source, algorithm_pages, forbidden_words, heads, io, lengths, marks};
pub use tree::{Crate, Tree};
