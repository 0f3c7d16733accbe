//! A file of so many chunks that its entry names lists of them.

use super::*;

#[test]
fn a_file_of_many_chunks_comes_with_its_lists() {
    let clock = Arc::new(Hand(AtomicI64::new(1_800_000_000)));
    let (repository, store) = made(&clock);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("film.mp4"), noise(7, 12_000_000)).unwrap();
    let index = Index::in_memory().unwrap();
    let night = back_up(&repository, &index, folder.path());
    let before = contents(&repository, &[night]);
    let second = Arc::new(Memory::new(clock.clone()));
    replicate(&repository, second.as_ref()).unwrap();
    let at = |name: &str, store: &Arc<Memory>| Replica {
        name: name.to_owned(),
        repository: Repository {
            store: store.clone(),
            ..repository.clone()
        },
        index: Index::in_memory().unwrap(),
    };
    assert!(run(&at("first", &store), &at("second", &second)).is_level());
    let alone = at("alone", &second);
    let options = VerifyOptions { data: true };
    let report = verify(&alone.repository, &alone.index, &options, &Silent).unwrap();
    assert!(report.is_sound(), "{:?}", report.damage);
    assert!(contents(&alone.repository, &[night]) == before);
}
