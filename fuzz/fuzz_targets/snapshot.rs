//! See `synod_fuzz::snapshot`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    synod_fuzz::snapshot(bytes);
});
