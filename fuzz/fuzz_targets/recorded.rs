//! See `synod_fuzz::recorded`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    synod_fuzz::recorded(bytes);
});
