//! Runs as they are planned: aligned, in order, once, and no more of them than they are worth.

use super::*;

const MIB: u64 = 1024 * 1024;
const PACK: u64 = 16 * MIB + 5;

fn pack(number: u8) -> SizedPack {
    (ObjectId::new([number; 32]), PACK)
}

fn wanted(number: u8, frame: Range<u64>) -> Wanted {
    let pack = pack(number);
    Wanted { pack, frame }
}

fn bytes(plan: &Plan) -> u64 {
    let ranges = ranges(plan).into_iter();
    ranges.map(|it| it.end - it.start).sum()
}

fn ranges(plan: &Plan) -> Vec<Range<u64>> {
    plan.tickets.iter().map(|it| it.range.clone()).collect()
}

fn only(range: Range<u64>) -> Vec<Range<u64>> {
    vec![range]
}

#[test]
fn neighbours_come_together_and_what_is_far_off_comes_apart() {
    let frames = [
        3 * MIB..4 * MIB,
        100..2 * MIB,
        100..2 * MIB,
        8 * MIB - 1..8 * MIB + 1,
        16 * MIB + 1..PACK,
    ];
    let mut planner = Planner::default();
    let plan = planner.plan(&frames.clone().map(|frame| wanted(1, frame)));
    assert_eq!(
        ranges(&plan),
        [0..4 * MIB, 7 * MIB..9 * MIB, 16 * MIB..PACK]
    );
    assert_eq!(plan.new_packs, 1);
    let around = |plan: &Plan, number, frame| plan.runs.around(&pack(number), &frame);
    assert_eq!(around(&plan, 1, 3 * MIB..4 * MIB), Some(0..4 * MIB));
    assert_eq!(around(&plan, 1, 3 * MIB..4 * MIB + 1), None);
    assert_eq!(around(&plan, 2, 0..MIB), None);
    // What was planned last is still there.
    let again = planner.plan(&[wanted(1, 0..MIB), wanted(1, 5 * MIB..6 * MIB)]);
    assert_eq!(ranges(&again), only(5 * MIB..6 * MIB));
    assert_eq!(again.new_packs, 0);
    assert_eq!(around(&again, 1, 0..MIB), Some(0..4 * MIB));
    assert!(Planner::default().plan(&[]).tickets.is_empty());
}

/// The store must not learn how long chunks are.
#[test]
fn every_end_of_a_run_is_that_of_a_window_or_a_pack() {
    let frames = (0..40).map(|number| number * 400_000..number * 400_000 + 7);
    let frames: Vec<_> = frames.map(|frame| wanted(1, frame)).collect();
    for some in frames.chunks(3) {
        for run in ranges(&Planner::default().plan(some)) {
            assert!(run.start % MIB == 0 && (run.end % MIB == 0 || run.end == PACK));
        }
    }
}

#[test]
fn nearly_a_whole_pack_comes_whole_and_once() {
    let frames = (0..16).filter(|number| number % 4 != 0);
    let frames = frames.map(|at| wanted(1, at * MIB - MIB / 4..(at + 1) * MIB - MIB / 4));
    let frames: Vec<_> = frames.chain([wanted(1, 5..9)]).collect();
    let mut planner = Planner::default();
    let plan = planner.plan(&frames);
    assert_eq!(ranges(&plan), only(0..PACK));
    assert!(planner.plan(&frames).tickets.is_empty(), "still there");
    // A claim of another size is another pack.
    let other = Wanted {
        pack: (pack(1).0, PACK - 1),
        frame: 0..MIB,
    };
    assert_eq!(ranges(&planner.plan(&[other])), only(0..MIB));
}

/// Chunks of one pack that are used long after each other were fetched as one: a whole pack for each,
/// since it was dropped meanwhile.
#[test]
fn what_is_used_far_apart_is_fetched_apart() {
    let mut uses = Vec::new();
    for round in 0..16 {
        uses.extend((0..40).map(|number| wanted(number, round * MIB..(round + 1) * MIB)));
    }
    let plan = Planner::default().plan(&uses);
    assert_eq!(bytes(&plan), 16 * 40 * MIB);
    assert_eq!(plan.tickets.len(), 16 * 40);
    assert_eq!(plan.new_packs, 40);
}

#[test]
fn to_save_requests_no_more_is_fetched_than_is_wanted_and_a_little() {
    let mut state = 7_u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005);
        state = state.wrapping_add(1);
        (state >> 33) % below
    };
    for size in [6 * MIB, 900_000, 40_000] {
        for _ in 0..200 {
            let mut uses = Vec::new();
            let (mut planner, mut at) = (Planner::default(), 0);
            while at + 2 * size < PACK && draw(100) > 0 {
                let start = at + draw(size);
                at = start + 1 + draw(size);
                uses.push(wanted(1, start..at));
            }
            let all: u64 = uses.iter().map(|it| it.frame.end - it.frame.start).sum();
            let windows = uses.iter().fold(0, |sum, it| sum | windows_of(&it.frame));
            let windows = u64::from(windows.count_ones()) * MIB;
            let plan = planner.plan(&uses);
            for Wanted { pack, frame } in &uses {
                let run = plan.runs.around(pack, frame).unwrap();
                assert!(run.end <= PACK);
            }
            let most = windows.max(2 * all + 2 * MIB).min(17 * MIB);
            assert!(bytes(&plan) <= most, "{} for {all}", bytes(&plan));
        }
    }
}
