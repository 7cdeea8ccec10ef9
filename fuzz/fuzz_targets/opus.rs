#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| firstring_fuzz::opus(bytes));
