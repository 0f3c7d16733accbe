//! Verbs that work on every copy by itself, one after the other: a copy that is out of reach, or that
//! refuses, does not hold up the others, and is not forgotten either.

use serde_json::{Value, json};

use super::context::Context;
use super::copies::{Absent, may_be_elsewhere};
use super::exit::{Failure, KEY, Result, Status, USAGE};
use super::places::Place;
use super::show;
use crate::progress::Progress;

/// What was done at each copy, and where nothing could be done.
pub struct EachCopy<T> {
    pub done: Vec<(Place, T)>,
    /// Copies that are out of reach.
    missed: Vec<Absent>,
    /// The first that is wrong otherwise.
    failure: Option<Failure>,
    is_one: bool,
}

impl Context {
    /// Does `work` at each place that was named; what fails at one of several is told at once.
    ///
    /// # Errors
    /// What is no matter of the copy: a wrong passphrase, an interrupt, the command line.
    pub fn at_each<T>(
        &self,
        work: impl Fn(&Place) -> std::result::Result<T, Failure>,
    ) -> std::result::Result<EachCopy<T>, Failure> {
        self.at_each_of(self.distinct_places()?, work)
    }

    /// As [`Context::at_each`], at these of the places.
    ///
    /// # Errors
    /// As there.
    pub fn at_each_of<T>(
        &self,
        places: Vec<Place>,
        work: impl Fn(&Place) -> std::result::Result<T, Failure>,
    ) -> std::result::Result<EachCopy<T>, Failure> {
        let mut each = EachCopy {
            done: Vec::new(),
            missed: Vec::new(),
            failure: None,
            is_one: places.len() == 1,
        };
        for place in places {
            let worked = work(&place);
            self.progress.finish();
            let failure = match worked {
                Ok(done) => {
                    each.done.push((place, done));
                    continue;
                }
                Err(failure) => failure,
            };
            let is_of_all = [KEY, USAGE].contains(&failure.code);
            if each.is_one || is_of_all || self.seams.interrupt.is_raised() {
                return Err(failure);
            }
            let name = show::harmless_sentence(&place.name);
            let why = show::harmless_sentence(&failure.in_one_line());
            self.progress.notice(&format!("{name} was missed: {why}"));
            match may_be_elsewhere(&failure) {
                true => each.missed.push((place.name, failure)),
                false => _ = each.failure.get_or_insert(failure),
            }
        }
        Ok(each)
    }
}

impl<T> EachCopy<T> {
    /// Whether only one copy was named.
    pub fn is_one(&self) -> bool {
        self.is_one
    }

    /// The line above what is said of one of several copies.
    pub fn heading(&self, place: &Place) -> Option<String> {
        (!self.is_one).then(|| format!("{}:", show::harmless_sentence(&place.name)))
    }

    /// Whether there is a document to print: of a failure that is the failure's.
    pub fn has_document(&self) -> bool {
        self.failure.is_none() && !self.done.is_empty()
    }

    /// Copies that were missed, for a document.
    pub fn missed_json(&self) -> Value {
        let missed = self.missed.iter();
        let missed =
            missed.map(|(name, failure)| json!({ "name": name, "error": failure.in_one_line() }));
        missed.collect()
    }

    /// How the command ends, if it ends so where something was done.
    ///
    /// # Errors
    /// The failure of a copy; that of the first if all are out of reach.
    pub fn end(mut self, status: Status) -> Result {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if self.missed.is_empty() {
            return Ok(status);
        }
        if self.done.is_empty() {
            return Err(self.missed.swap_remove(0).1);
        }
        Ok(match status {
            Status::Done => Status::Behind,
            worse => worse,
        })
    }
}
