//! See `synod_fuzz::resp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    synod_fuzz::resp(bytes);
});
