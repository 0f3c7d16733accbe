//! The fuzzers' corpora, gone over once more: `tests/fuzz/` says what is done with each input, and
//! how to look for new ones.

use std::fs;
use std::path::Path;

#[path = "../fuzz/mod.rs"]
mod fuzz;

/// Inputs a target keeps, and bytes of all.
const INPUTS_MAX: usize = 40;
const BYTES_MAX: u64 = 200_000;

#[test]
fn every_kept_input_of_every_fuzzer_does_no_harm() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let (mut replayed, mut bytes) = (0, 0);
    for target in fuzz::TARGETS {
        let folder = fs::read_dir(corpus.join(target.name)).unwrap();
        let mut inputs: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!((1..=INPUTS_MAX).contains(&inputs.len()), "{}", target.name);
        for input in &inputs {
            let read = fs::read(input).unwrap();
            bytes += read.len() as u64;
            let is_taken = (target.run)(&read);
            // A target that takes nothing for sound looks at nothing behind the entry.
            let name = input.file_name().unwrap().to_string_lossy();
            assert!(is_taken || !name.starts_with("sound-"), "{input:?}");
        }
        replayed += inputs.len();
    }
    assert!(bytes <= BYTES_MAX, "{bytes} bytes are kept");
    assert_eq!(fuzz::named("plan").map(|it| it.name), Some("plan"));
    let targets = fuzz::TARGETS.len();
    println!("counted: fuzz: {replayed} kept inputs of {targets} fuzzers replayed");
}
