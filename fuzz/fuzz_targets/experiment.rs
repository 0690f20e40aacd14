//! See `synod_fuzz::experiment`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    synod_fuzz::experiment(bytes);
});
