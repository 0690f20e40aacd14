//! See `synod_fuzz::note`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    synod_fuzz::note(bytes);
});
