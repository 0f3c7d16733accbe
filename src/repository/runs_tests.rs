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

fn fetched(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.steps.iter().filter(|it| !it.carried)
}

fn ranges(plan: &Plan) -> Vec<Range<u64>> {
    fetched(plan).map(|it| it.ticket.range.clone()).collect()
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
        6 * MIB - 1..6 * MIB + 1,
        16 * MIB + 1..PACK,
    ];
    let mut planner = Planner::default();
    let plan = planner.plan(&frames.clone().map(|frame| wanted(1, frame)));
    // Between the first two a window comes along, since it is no more than what is wanted.
    assert_eq!(ranges(&plan), [0..7 * MIB, 16 * MIB..PACK]);
    let uses: Vec<u32> = plan.steps.iter().map(|it| it.uses).collect();
    assert_eq!(uses, [4, 1]);
    assert_eq!(plan.new_packs, 1);
    let around = |plan: &Plan, number, at| plan.runs.around(&pack(number), at);
    assert_eq!(around(&plan, 1, 3 * MIB), Some(0..7 * MIB));
    assert_eq!(around(&plan, 1, 7 * MIB), None);
    assert_eq!(around(&plan, 2, 0), None);
    // What was planned last is still there.
    let again = planner.plan(&[wanted(1, 0..MIB), wanted(1, 9 * MIB..10 * MIB)]);
    assert_eq!(ranges(&again), only(9 * MIB..10 * MIB));
    assert_eq!(again.new_packs, 0);
    assert_eq!(around(&again, 1, 0), Some(0..7 * MIB));
    assert!(Planner::default().plan(&[]).steps.is_empty());
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

/// Two packs are filled at a time, a chunk goes to either: what both hold of one night comes once, though
/// they do not fit into what is kept.
#[test]
fn packs_that_were_filled_together_come_once() {
    let (mut at, mut frames, mut dice) = ([0; 6], Vec::new(), 1_u64);
    while let Some(first) = at.iter().position(|at| *at + MIB < PACK) {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let open = [first, (first + 1).min(5)];
        let number = open[(dice >> 33) as usize % 2];
        if at[number] + MIB < PACK {
            let length = (dice >> 40) % MIB + 1;
            frames.push(wanted(number as u8, at[number]..at[number] + length));
            at[number] += length;
        }
    }
    let mut planner = Planner::default();
    let plan = planner.plan(&frames);
    let all: u64 = at.iter().sum();
    assert!(bytes(&plan) <= all + 6 * MIB, "{} of {all}", bytes(&plan));
    assert!(plan.steps.len() <= 6 * 4, "{}", plan.steps.len());
    let uses: u32 = plan.steps.iter().map(|it| it.uses).sum();
    assert!(uses as usize >= frames.len());
    // A claim of another size is another pack.
    let other = Wanted {
        pack: (pack(1).0, PACK - 1),
        frame: 0..MIB,
    };
    assert_eq!(ranges(&planner.plan(&[other])), only(0..MIB));
}

/// What does not fit is given up and fetched again, and what is wanted soon stays.
#[test]
fn what_is_wanted_last_is_given_up() {
    let frames = |numbers: Range<u8>| numbers.map(|number| wanted(number, 0..MIB));
    let uses: Vec<_> = frames(0..60).chain(frames(0..60)).collect();
    let plan = Planner::default().plan(&uses);
    assert_eq!(plan.steps.len(), 60 + 20);
    let uses: u32 = plan.steps.iter().map(|it| it.uses).sum();
    assert_eq!(uses, 120);
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
    assert_eq!(plan.steps.len(), 16 * 40);
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
            let windows = uses.iter().flat_map(|it| windows_of(&it.frame));
            let windows = windows.collect::<HashSet<_>>().len() as u64 * MIB;
            let plan = planner.plan(&uses);
            for Wanted { pack, frame } in &uses {
                let run = plan.runs.around(pack, frame.start).unwrap();
                assert!(run.end <= PACK);
                assert!(plan.runs.around(pack, frame.end - 1).is_some());
            }
            let most = windows.max(2 * all + 2 * MIB).min(17 * MIB);
            assert!(bytes(&plan) <= most, "{} for {all}", bytes(&plan));
        }
    }
}
