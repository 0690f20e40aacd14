//! See `synod_fuzz::etcd`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    synod_fuzz::etcd(bytes);
});
