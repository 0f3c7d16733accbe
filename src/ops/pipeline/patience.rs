//! How long a backup waits for a slow replica (docs/decisions/0008-fan-out.md).
//!
//! The run is held up by a replica while it can take nothing more in, or has taken everything in,
//! and that replica still has something to send while a near one has nothing left to do. That time
//! is summed up; when it reaches [`PATIENCE`], the replica leaves, and is brought level from the
//! near one afterwards. Where no replica is near nobody leaves for being slow: to bring it level
//! would cost the provider's price for reading.

use std::time::Duration;

/// So long, in sum, a run waits for a replica while a near one is idle.
pub const PATIENCE: Duration = Duration::from_secs(2 * 60);

/// A replica at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// It has not left.
    pub takes_part: bool,
    pub near: bool,
    /// Something waits for its store or is on its way there.
    pub is_busy: bool,
}

/// How long each replica was waited for.
#[derive(Debug, Default)]
pub struct Patience {
    waited: Vec<Duration>,
    /// The last look, and whom the run was waiting for then.
    last: Option<(Duration, Vec<usize>)>,
}

impl Patience {
    /// Looks at the replicas at `now` (since boot): gives those that are to leave. `is_held_up`:
    /// nothing more can be taken in, or nothing more is to come.
    pub fn look(&mut self, now: Duration, is_held_up: bool, replicas: &[Standing]) -> Vec<usize> {
        self.waited.resize(replicas.len(), Duration::ZERO);
        let with = |wanted: fn(&Standing) -> bool| {
            let numbered = replicas.iter().enumerate();
            let wanted = numbered.filter(move |(_, one)| one.takes_part && wanted(one));
            wanted.map(|(number, _)| number)
        };
        let near_is_idle = with(|one| one.near && !one.is_busy).next().is_some();
        let busy: Vec<usize> = if is_held_up && near_is_idle {
            with(|one| one.is_busy).collect()
        } else {
            Vec::new()
        };
        if let Some((before, were)) = &self.last {
            let passed = now.saturating_sub(*before);
            for number in busy.iter().filter(|number| were.contains(number)) {
                if let Some(waited) = self.waited.get_mut(*number) {
                    *waited += passed;
                }
            }
        }
        let is_over = |number: &usize| self.waited.get(*number).is_some_and(|it| *it >= PATIENCE);
        let leaving = busy.iter().copied().filter(is_over).collect();
        self.last = Some((now, busy));
        leaving
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: Standing = Standing {
        takes_part: true,
        near: true,
        is_busy: false,
    };
    const CLOUD: Standing = Standing {
        takes_part: true,
        near: false,
        is_busy: true,
    };

    /// Looks once a second; after how many somebody is to leave, within ten minutes.
    fn leaves(mut at: impl FnMut(u64) -> (bool, Vec<Standing>)) -> Option<(u64, Vec<usize>)> {
        let mut patience = Patience::default();
        (0..600).find_map(|second| {
            let (is_held_up, replicas) = at(second);
            let leaving = patience.look(Duration::from_secs(second), is_held_up, &replicas);
            (!leaving.is_empty()).then_some((second, leaving))
        })
    }

    #[test]
    fn a_slow_one_leaves_once_it_was_waited_for_long_enough() {
        assert_eq!(leaves(|_| (true, vec![DISK, CLOUD])), Some((120, vec![1])));
        // Both are slower than the disk, and go together.
        let both = leaves(|_| (true, vec![CLOUD, DISK, CLOUD]));
        assert_eq!(both, Some((120, vec![0, 2])));
        // A slow machine in the house may be the one.
        let nas = Standing {
            is_busy: true,
            ..DISK
        };
        assert_eq!(leaves(|_| (true, vec![nas, DISK])), Some((120, vec![0])));
    }

    #[test]
    fn only_the_time_counts_in_which_the_run_stood_still() {
        assert_eq!(leaves(|_| (false, vec![DISK, CLOUD])), None);
        // Every other second it gets on.
        let now_and_then = leaves(|second| (second % 4 < 2, vec![DISK, CLOUD]));
        assert_eq!(now_and_then, Some((477, vec![1])));
        // It is the disk that everybody waits for.
        let disk = Standing {
            is_busy: true,
            ..DISK
        };
        assert_eq!(leaves(|_| (true, vec![disk, CLOUD])), None);
    }

    #[test]
    fn nobody_leaves_where_levelling_would_cost_money() {
        let idle = Standing {
            is_busy: false,
            ..CLOUD
        };
        assert_eq!(leaves(|_| (true, vec![idle, CLOUD])), None);
        let left = Standing {
            takes_part: false,
            ..DISK
        };
        assert_eq!(leaves(|_| (true, vec![left, CLOUD])), None);
        assert_eq!(leaves(|_| (true, vec![CLOUD])), None);
    }
}
