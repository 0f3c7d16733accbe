//! Servers that lie without an end: the real program gives up in one sentence, in time, and takes no
//! more memory for it than for an honest one.

use crate::program::Machine;
use crate::server::{Lie, Server};
use crate::world::World;

#[test]
fn a_server_that_lies_without_end_is_left_in_a_sentence() {
    let world = World::new();
    world.backup().unwrap();
    let server = Server::of(world.store.clone());
    let machine = || {
        let mut machine = Machine::at("s3://bucket/offsite".to_owned());
        machine.environment = [
            ("AWS_ENDPOINT_URL", server.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec();
        machine
    };
    // An honest one first, or nothing would be shown by what follows.
    let honest = machine();
    let target = honest.path("back");
    let restore = [
        "restore",
        "latest",
        "--quiet",
        "--target",
        target.to_str().unwrap(),
    ];
    assert_eq!(honest.run(&restore).code, Some(0));
    world.assert_same(&target);
    let (mut runs, mut peak) = (0, 0);
    let is_full = crate::bombs::is_full();
    for lie in Lie::ALL {
        // That one is asked for again for a minute, as is right for a torn answer.
        if lie == Lie::EndlessPage && !is_full {
            continue;
        }
        let verbs = [
            &["snapshots"][..],
            &restore,
            &["verify", "--data"],
            &["prune", "--dry-run"],
        ];
        for verb in verbs.into_iter().take(if is_full { 4 } else { 2 }) {
            server.tell(lie);
            // One that knows the repository, and one that does not.
            for machine in [&honest, &machine()] {
                let ended = machine.run(verb);
                let said = String::from_utf8_lossy(&ended.stderr).into_owned();
                // What was read before and is remembered may be all that it takes.
                let is_told = ended.code != Some(0) || lie == Lie::WrongSizes;
                assert!(
                    is_told || std::ptr::eq(machine, &honest),
                    "{lie:?}, {verb:?}: {said}"
                );
                peak = peak.max(ended.peak_kib);
                runs += 1;
            }
        }
    }
    let (lies, peak) = (Lie::ALL.len() - usize::from(!is_full), peak.div_ceil(1024));
    println!("counted: bombs: {runs} runs at a server that tells {lies} kinds of lies");
    println!("counted: bombs: {peak} MiB at the most, of the runs at that server");
}
