//! What libFuzzer calls again and again: the target that has the name of this program.

#![no_main]

use std::sync::LazyLock;

#[path = "mod.rs"]
mod targets;

static TARGET: LazyLock<targets::Target> =
    LazyLock::new(|| targets::named(env!("CARGO_BIN_NAME")).expect("a target of that name"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (TARGET.run)(bytes);
});
