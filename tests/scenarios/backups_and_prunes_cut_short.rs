//! "Both our computers back up there, the server prunes there, and the fuse keeps blowing."
//!
//! Real processes, killed with SIGKILL at any moment of what they do side by side. (What hours and
//! days between two requests do is shown in tests/simulation, where time can pass.)

use std::time::Duration;

use crate::tree::{assert_same, noise};
use crate::user::{Running, User, both};

const ROUNDS: usize = 10;
const PHOTOS: usize = 24;

/// A stretch of a second that differs from one `turn` to the next.
fn moment(turn: usize) -> Duration {
    let hash = blake3::hash(&turn.to_le_bytes());
    let [first, second, ..] = *hash.as_bytes();
    Duration::from_millis(u64::from(u16::from_le_bytes([first, second])) % 700)
}

/// Half of the photos of a round are those of another one: what a prune has condemned comes back.
fn change_library(user: &User, whose: &str, round: usize) {
    for number in 0..PHOTOS {
        let path = user.path(format!("photos/{number}.jpg"));
        if (number + round).is_multiple_of(3) {
            let _ = std::fs::remove_file(path);
        } else if number % 2 == 0 {
            let both_have = format!("{} of {}", number, (round + number) % 4);
            user.write(path, noise(&both_have, 60_000));
        } else {
            user.write(path, noise(&format!("{whose} {number} {round}"), 60_000));
        }
    }
}

/// Lets those that are not killed come to their end, which must be one of `codes`.
fn ends(running: Running, is_killed: bool, codes: &[i32]) {
    if is_killed {
        running.kill();
        return;
    }
    let outcome = running.outcome();
    let is_expected = outcome.code.is_some_and(|code| codes.contains(&code));
    assert!(is_expected, "{outcome}");
}

fn restores(hers: &User, his: &User) {
    for (user, host) in [(hers, "hers"), (his, "his")] {
        let other = hers.another_machine();
        other
            .offsite(&["restore", "--host", host, "--target", "back"])
            .done();
        let photos = user.path("photos");
        let inside = photos.strip_prefix("/").unwrap();
        assert_same(&photos, &other.path("back").join(inside));
    }
}

#[test]
fn whatever_is_killed_the_next_run_of_each_goes_on_and_nothing_is_lost() {
    for hers in both() {
        let his = hers.another_machine();
        let mut server = hers.another_machine();
        hers.offsite(&["init", "--pack-size", "1"]).done();
        let key = hers.path("writer.key").display().to_string();
        hers.offsite(&["key", "writer", "--export", &key]).done();
        for user in [&his, &server] {
            user.offsite(&["key", "writer", "--import", &key]).done();
        }
        // It would unlock each time, for a second.
        server.unset("OFFSITE_PASSPHRASE");
        let is_folder = hers.repository.starts_with('/');
        let alone: &[&str] = &["prune", "--exclusive", "--grace", "0s"];
        for round in 0..ROUNDS {
            change_library(&hers, "hers", round);
            change_library(&his, "his", round);
            let her_run = hers.start(&["backup", "--host", "hers", "photos"]);
            if round % 2 == 0 {
                std::thread::sleep(moment(round) / 4);
            }
            let his_run = his.start(&["backup", "--host", "his", "photos"]);
            // A snapshot there must be, of the first round.
            let may_be_empty: &[i32] = if round == 0 { &[0, 1, 4] } else { &[0, 1] };
            let forgets = server.start(&["forget", "--keep-last", "1", "--group-by", "host"]);
            let is_cut_short = |who: usize| (round * 7 + who * 5).is_multiple_of(3);
            let prunes = match is_folder && round % 3 > 0 {
                true => server.start(alone),
                false => server.start(&["prune"]),
            };
            std::thread::sleep(moment(100 + round));
            ends(her_run, round > 0 && is_cut_short(0), &[0]);
            ends(forgets, is_cut_short(1), &[0, 1]);
            ends(prunes, is_cut_short(2), may_be_empty);
            ends(his_run, round > 0 && is_cut_short(3), &[0]);
        }
        // No human did anything; the next run of each.
        hers.offsite(&["backup", "--host", "hers", "photos"]).done();
        his.offsite(&["backup", "--host", "his", "photos"]).done();
        let forget = ["forget", "--keep-last", "1", "--group-by", "host"];
        server.offsite(&forget).done();
        server
            .offsite(if is_folder { alone } else { &["prune"] })
            .done();
        hers.offsite(&["verify", "--data"]).done();
        restores(&hers, &his);
    }
}
