//! "What do I pay for?"

use crate::tree::noise;
use crate::user::User;

#[test]
fn what_is_stored_once_counts_once() {
    let user = User::with_folder();
    user.write("photos/a.jpg", noise("a", 300_000));
    user.write("photos/the same again.jpg", noise("a", 300_000));
    user.write("photos/notes.txt", "much of the same\n".repeat(20_000));
    user.init();
    let empty = user.offsite(&["stats", "--json"]).done().json();
    assert_eq!(
        (&empty["snapshots"], &empty["bytes_unique"]),
        (&0.into(), &0.into())
    );
    assert_eq!(empty["compression_ratio"], serde_json::Value::Null);
    for _ in 0..3 {
        user.offsite(&["backup", "--quiet", "photos"]).done();
    }
    let stats = user.offsite(&["stats", "--json"]).done().json();
    let number = |name: &str| {
        stats[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name}: {stats}"))
    };
    assert_eq!(number("snapshots"), 3);
    assert_eq!(number("bytes_snapshots"), 3 * 940_000);
    assert_eq!(number("bytes_unique"), 640_000);
    let packs: u64 = user.objects.list("packs/").values().sum();
    let listings: u64 = user.objects.list("listings/").values().sum();
    assert_eq!(number("bytes_stored"), packs + listings);
    assert_eq!(stats["files"]["bytes_stored"], packs);
    assert_eq!(stats["metadata"]["bytes_stored"], listings);
    let ratio = stats["deduplication_ratio"].as_f64().unwrap();
    assert!((ratio - 3.0 * 940.0 / 640.0).abs() < 0.001, "{stats}");
    assert!(
        stats["compression_ratio"].as_f64().unwrap() > 1.9,
        "{stats}"
    );
    let text = user.offsite(&["stats"]).done().text();
    assert!(text.contains("3 snapshots of 2.8 MB together"), "{text}");
}

#[test]
fn what_only_one_snapshot_needs_is_told_apart() {
    let user = User::with_folder();
    user.write("photos/stays.jpg", noise("stays", 100_000));
    user.write("photos/goes.jpg", noise("goes", 200_000));
    user.init();
    user.offsite(&["backup", "--quiet", "photos"]).done();
    std::fs::remove_file(user.path("photos/goes.jpg")).unwrap();
    user.write("photos/comes.jpg", noise("comes", 50_000));
    user.offsite(&["backup", "--quiet", "photos"]).done();
    let of = |snapshot: &str| user.offsite(&["stats", "--json", snapshot]).done().json();
    let (old, new) = (of("latest~1"), of("latest"));
    assert_eq!(old["bytes_unique"], 300_000);
    assert_eq!(old["own_bytes_unique"], 200_000);
    assert_eq!(new["bytes_unique"], 150_000);
    assert_eq!(new["own_bytes_unique"], 50_000);
    assert_eq!((&new["files"], &new["folders"]), (&2.into(), &1.into()));
    assert_eq!(old["chunks_missing"], 0);

    let added = user
        .offsite(&["stats", "--per-snapshot", "--json"])
        .done()
        .json();
    assert_eq!(added[0]["bytes_added"], 300_000);
    assert_eq!(added[1]["bytes_added"], 50_000);
    assert_eq!(added[1]["files_new"], 1);

    // A pack that is gone is told, not left out of the sum in silence.
    user.objects.remove("packs/");
    let outcome = user.offsite(&["stats", "latest"]).ended(4);
    assert!(outcome.text().contains("missing"), "{outcome}");
}

#[test]
fn a_little_of_it_is_checked_each_night_and_no_more_is_claimed() {
    let user = User::with_folder();
    user.offsite(&["init", "--pack-size", "1"]).done();
    let nothing = user.offsite(&["verify"]).done().text();
    assert!(nothing.contains("no snapshot yet"), "{nothing}");
    for number in 0..10 {
        let path = format!("photos/{number}.jpg");
        user.write(&path, noise(&path, 700_000));
    }
    user.offsite(&["backup", "--quiet", "photos"]).done();
    let packs = user.objects.list("packs/").len() as u64;
    assert!(packs >= 5, "{packs}");
    let report = user
        .offsite(&["verify", "--sample", "20%", "--json"])
        .done()
        .json();
    assert_eq!(report["packs_total"], packs);
    assert_eq!(report["packs_read"], packs.div_ceil(5));
    let text = user.offsite(&["verify", "--sample", "20"]).done().text();
    assert!(text.contains("What was checked is whole"), "{text}");
    assert!(text.contains(&format!("of {packs} packs")), "{text}");
    for wrong in ["0", "101", "half", "-5", "NaN"] {
        user.offsite(&["verify", &format!("--sample={wrong}")])
            .ended(2);
    }
    user.write("photos/new.jpg", "new");
    user.offsite(&["backup", "--quiet", "photos"]).done();
    let one = user
        .offsite(&["verify", "--snapshot", "latest~1"])
        .done()
        .text();
    assert!(one.contains("Only what 1 of 2 snapshots needs"), "{one}");
    let all = user.offsite(&["verify", "--data"]).done().text();
    assert!(all.contains("Everything is whole"), "{all}");
}
