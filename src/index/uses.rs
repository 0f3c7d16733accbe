//! Which packs a run rests on, for `condemned`.

use std::sync::{Mutex, PoisonError};

/// Packs by the numbers of their rows, a bit each: 80 KiB for 10 TB.
#[derive(Default)]
pub(super) struct Uses(Mutex<Option<Vec<u64>>>);

impl Uses {
    /// Nothing is noted unless somebody began to.
    pub(super) fn note(&self, packs: &[i64]) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(words) = noted.as_mut() else {
            return;
        };
        for number in packs {
            // Numbers of rows begin at 1 and grow by 1.
            let number = usize::try_from(*number).unwrap_or(0);
            let word = number / 64;
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            if let Some(word) = words.get_mut(word) {
                *word |= 1 << (number % 64);
            }
        }
    }

    pub(super) fn begin(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }

    pub(super) fn contains(&self, number: i64) -> bool {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = usize::try_from(number).unwrap_or(0);
        let word = noted.as_ref().and_then(|words| words.get(number / 64));
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}
