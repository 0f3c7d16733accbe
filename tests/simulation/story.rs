//! What everybody does, from a seed; then calm, and what must be true.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;

use offsite::id::ObjectId;
use offsite::ops::{Opened, OpsError};
use offsite::progress::Silent;
use offsite::repository::RepositoryError;

use crate::clocks::{DAY, HOUR};
use crate::foes::{Foe, Scene};
use crate::hosts::{Host, PLACES};
use crate::photos;
use crate::same_index::assert_grown_is_rebuilt;
use crate::turns::Manner;
use crate::way::Killed;
use crate::world::{ACTORS, FOE, Place, World};

/// How it ended for somebody.
pub enum Ending {
    Done,
    /// What a bad line or a prune does to a run; the next one is to succeed.
    Failed,
    Killed,
}

impl Ending {
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

impl World {
    pub fn play(&self) {
        self.begin();
        self.crossing.is_calm.store(false, Ordering::Relaxed);
        let acts = self.cast.acts;
        let mut scene = self.scene();
        let foe = &mut scene;
        let actors: [Box<dyn FnOnce() + Send + '_>; ACTORS] = [
            Box::new(|| self.writes(&self.anna, acts.nights)),
            Box::new(|| self.writes(&self.ben, acts.nights)),
            Box::new(|| self.prunes(acts.prunes)),
            Box::new(|| self.looks(acts.looks)),
            Box::new(move || self.harms(foe.as_mut(), acts.harm)),
        ];
        std::thread::scope(|scope| {
            let threads: Vec<_> = actors
                .into_iter()
                .enumerate()
                .map(|(me, acts)| {
                    let turns = &self.crossing.turns;
                    scope.spawn(move || {
                        let _present = turns.enter(me);
                        turns.wait(me, Manner::Plain);
                        acts();
                    })
                })
                .collect();
            for thread in threads {
                if let Err(panic) = thread.join() {
                    resume_unwind(panic);
                }
            }
        });
        if let Some(scene) = &mut scene {
            scene.show_again();
        }
        self.calm_down();
    }

    /// Something is there: a snapshot, or two, of which the older may be forgotten, and what only it
    /// needed be condemned.
    fn begin(&self) {
        self.saves(&self.anna, "first");
        let far = self.crossing.turns.dice(|dice| dice.below(4));
        if far > 0 {
            self.saves(&self.anna, "second");
        }
        for place in 0..self.places.len() {
            if far > 1 {
                self.pruner.forget(place, 1).unwrap();
                self.pruner.prune(place, self.cast.grace).unwrap();
            }
        }
    }

    fn scene(&self) -> Option<Scene> {
        let Place {
            raw,
            memory,
            clock,
            referee,
        } = &self.places[0];
        (self.cast.foe != Foe::Nobody).then(|| Scene {
            referee: referee.clone(),
            memory: memory.clone().unwrap(),
            store: raw.clone(),
            clock: clock.clone(),
            known: Vec::new(),
            withheld: Vec::new(),
        })
    }

    fn writes(&self, host: &Host, nights: u32) {
        for night in 0..nights {
            self.rests();
            if matches!(self.saves(host, &night.to_string()), Ending::Killed)
                && self.crossing.turns.dice(|dice| dice.below(4) == 0)
            {
                self.crossing.note(&format!("{}'s disk is lost", host.name));
                host.lose_state();
            }
        }
    }

    /// Now and then it is looked at at once, and not when all is over.
    pub fn saves(&self, host: &Host, label: &str) -> Ending {
        let files = self.crossing.turns.dice(photos::some);
        let key = (host.name.to_owned(), label.to_owned());
        let mut expected = self.ledger.expected.lock().unwrap();
        expected.insert(key, files.clone());
        drop(expected);
        let is_checked = self.crossing.turns.dice(|dice| dice.below(4) == 0);
        self.runs(&format!("{}'s backup {label}", host.name), &|| {
            let has_it = host.back_up(label, &files)?;
            assert!(has_it.contains(&true));
            let having = self.places.iter().zip(has_it).filter(|(_, has)| *has);
            having
                .filter(|_| is_checked)
                .for_each(|(place, _)| self.check(place));
            Ok(())
        })
    }

    fn check(&self, place: &Place) {
        let is_whole = !matches!(self.cast.foe, Foe::Rot | Foe::Withholder);
        if is_whole {
            place.referee.check(false);
        }
    }

    fn prunes(&self, rounds: u32) {
        let turns = &self.crossing.turns;
        for _ in 0..rounds {
            self.rests();
            let (forgets, last, place) = turns.dice(|dice| {
                // Mostly at one place, where so a mark is followed by a sweep.
                let place = dice.below(4 * self.places.len() as u64) as usize % 5 / 4;
                (dice.below(4) > 0, dice.one_of(&[1, 1, 1, 2]), place)
            });
            if self.cast.foe == Foe::Thief {
                self.runs("an extension", &|| self.pruner.extend(place));
            }
            if forgets {
                self.runs("forget", &|| self.pruner.forget(place, last));
            }
            let before = self.deleted();
            self.runs("prune", &|| {
                self.pruner.prune(place, self.cast.grace).map(drop)
            });
            if self.deleted() > before {
                self.check(&self.places[place]);
            }
        }
    }

    /// Verifies, restores or brings two copies level.
    fn looks(&self, looks: u32) {
        for _ in 0..looks {
            self.rests();
            let (what, place) = self.crossing.turns.dice(|dice| {
                let place = dice.below(self.places.len() as u64) as usize;
                (dice.below(5), place)
            });
            match what {
                _ if self.places.len() > 1 && what < 3 => {
                    let ending = self.runs("a sync", &|| self.looker.sync().map(drop));
                    if ending.is_done() {
                        self.places.iter().for_each(|place| self.check(place));
                    }
                }
                0..2 => drop(self.runs("a restore", &|| self.restores(place))),
                _ => {
                    let is_loud = !self.cast.is_wild();
                    self.runs("a verify", &|| {
                        let report = self.looker.verify(place, what == 2)?;
                        assert!(report.is_sound() || !is_loud, "{:#?}", report.damage);
                        Ok(())
                    });
                }
            }
        }
    }

    /// The newest; what does not come back is told.
    fn restores(&self, place: usize) -> Result<(), OpsError> {
        let (repository, index) = (self.looker.open(place)?, self.looker.index(place)?);
        let opened = Opened::look(repository, index, &Silent)?;
        let referee = &self.places[place].referee;
        let kept = referee.kept();
        let mut newest = opened.snapshots.iter().rev();
        let Some(newest) = newest.find(|one| kept.contains(&one.id)) else {
            return Ok(());
        };
        let (report, expected, right) = referee.restore(&opened, &newest.id)?;
        assert!(right == expected || report.problems_total > 0, "{report:?}");
        // What is forgotten while it is restored may be swept while it is restored.
        let is_kept = referee.kept().contains(&newest.id);
        assert!(
            right == expected || !is_kept || self.cast.is_wild(),
            "{report:?}"
        );
        Ok(())
    }

    fn harms(&self, scene: Option<&mut Scene>, acts: u32) {
        let Some(scene) = scene else { return };
        for _ in 0..acts {
            // Many turns of others lie between two acts.
            let turns = &self.crossing.turns;
            let pause = turns.dice(|dice| dice.below(60));
            (0..pause).for_each(|_| turns.wait(FOE, Manner::Plain));
            scene.known = self.known_to_the_pruner();
            let done = turns.dice(|dice| scene.act(self.cast.foe, dice));
            self.crossing.note(&format!("{:?}: {done}", self.cast.foe));
        }
    }

    fn known_to_the_pruner(&self) -> Vec<ObjectId> {
        let trust = self.pruner.state.open_trust().unwrap();
        let seen = trust.seen(PLACES[0]).unwrap();
        seen.into_iter().map(|one| one.id).collect()
    }

    /// Between two runs of somebody time passes for all.
    fn rests(&self) {
        let turns = &self.crossing.turns;
        let hours = turns.dice(|dice| dice.one_of(&[0, 2, 8, 12, 24, 30, 50]));
        if !turns.somebody_hurries() {
            self.crossing.time.pass(hours * HOUR);
        }
    }

    fn runs(&self, what: &str, run: &dyn Fn() -> Result<(), OpsError>) -> Ending {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(())) => Ending::Done,
            Ok(Err(error)) => {
                let is_expected = matches!(
                    error,
                    OpsError::Repository(RepositoryError::Store(_)) | OpsError::Overtaken
                );
                self.crossing.note(&format!("{what} failed: {error}"));
                let is_expected = is_expected || self.cast.is_wild();
                assert!(is_expected, "this takes a human: {error:?}");
                Ending::Failed
            }
            Err(panic) if panic.is::<Killed>() => {
                self.killed.fetch_add(1, Ordering::Relaxed);
                Ending::Killed
            }
            Err(panic) => resume_unwind(panic),
        }
    }

    fn calm_down(&self) {
        self.crossing.is_calm.store(true, Ordering::Relaxed);
        self.crossing.note("it is calm now");
        if self.cast.foe == Foe::Rot {
            return self.check_rotten(&self.places[0]);
        }
        for place in &self.places {
            place.referee.check(true);
            place.referee.restore_all(self.cast.restored_max);
        }
        if self.cast.is_wild() {
            return;
        }
        let whose = self.crossing.turns.dice(|dice| dice.below(3) as usize);
        let host = [&self.anna, &self.ben, &self.pruner][whose];
        let (repository, index) = (host.open(0), host.index(0));
        assert_grown_is_rebuilt(&repository.unwrap(), &index.unwrap());
        if self.cast.is_long {
            self.months_pass();
        }
    }

    /// Whatever does not restore is told by a restore and by a verify; what is altered is named.
    fn check_rotten(&self, place: &Place) {
        let report = place.referee.verify(true);
        let memory = place.memory.as_ref().unwrap();
        for name in memory.names() {
            let id = offsite::format::name::parse(&name).and_then(|(_, id)| id);
            let is_altered = id.is_some_and(|id| id != ObjectId::of(&memory.peek(&name).unwrap()));
            let is_named = report.damage.iter().any(|one| one.object == name);
            assert!(is_named || !is_altered, "{name}: {:#?}", report.damage);
        }
        let opened = place.referee.open();
        for id in place.referee.kept() {
            let hurts = report.damage.iter().any(|one| one.snapshots.contains(&id));
            if !opened.snapshots.iter().any(|one| one.id == id) {
                // Its record is damaged or lost, which those notice who knew it.
                continue;
            }
            let restored = place.referee.restore(&opened, &id);
            let is_whole = matches!(&restored, Ok((report, expected, right))
                if right == expected && report.problems_total == 0);
            assert!(is_whole || hurts, "{id}: {restored:?} {:#?}", report.damage);
            if let Ok((report, expected, right)) = restored {
                assert!(
                    right == expected || report.problems_total > 0,
                    "{id}: {report:?}"
                );
            }
        }
    }

    fn months_pass(&self) {
        let time = &self.crossing.time;
        for label in ["calm", "and again"] {
            for host in [&self.anna, &self.ben] {
                assert!(self.saves(host, label).is_done());
                time.pass(DAY);
            }
            if self.places.len() > 1 {
                let level = self.looker.sync().unwrap();
                assert!(level.is_level(), "{level:?}");
            }
            for pause in [3 * DAY + HOUR, HOUR] {
                self.keeps_house(1);
                time.pass(pause);
            }
        }
        // A month later what was given up goes as well.
        for days in [31, 4, 4] {
            time.pass(days * DAY);
            for place in 0..self.places.len() {
                let report = self.pruner.prune(place, self.cast.grace).unwrap();
                let is_over = (report.marked.packs, report.waiting.packs) == (0, 0);
                assert!(days == 31 || is_over, "{report:?}");
            }
        }
        for place in &self.places {
            place.referee.check(true);
            assert!(place.referee.restore_all(9) > 1);
        }
    }

    fn keeps_house(&self, last: u32) {
        for place in 0..self.places.len() {
            self.pruner.forget(place, last).unwrap();
            self.pruner.prune(place, self.cast.grace).unwrap();
            self.check(&self.places[place]);
        }
    }
}
