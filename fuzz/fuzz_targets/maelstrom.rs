//! See `synod_fuzz::maelstrom`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    synod_fuzz::maelstrom(bytes);
});
