//! The world and its step, choice by choice: what each fault does, what is held back, what a trace keeps.

mod adversary;
mod durability;
mod faults;
mod lies;
mod oracles;
mod puppet;
mod seats;
mod trace;
mod walks;
