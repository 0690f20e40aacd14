//! Shared registers over messages (CGR11 ch. 4).
//!
//! All of them take [`RegisterRequest`] and tell [`RegisterReturn`].

pub mod abd;

pub use abd::AbdRegister;
pub use synod_model::interface::{RegisterRequest, RegisterReturn};
