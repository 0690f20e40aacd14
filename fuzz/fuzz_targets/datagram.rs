//! See `synod_fuzz::datagram`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    synod_fuzz::datagram(bytes);
});
