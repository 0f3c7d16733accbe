//! Snapshot objects that cannot be read: damage, or what anybody put there under such a name. Nothing is
//! pruned as long as one is listed, since it might need anything; no rule can judge it, and nobody
//! else removes it. A person who names one by its id says that it may go.

use std::collections::{BTreeMap, BTreeSet};

use super::error::ForgetError;
use super::options::ForgetOptions;
use crate::format::name;
use crate::id::ObjectId;
use crate::repository::ObjectProblem;

/// What is listed and cannot be read, and whether a newer program may know it.
pub(super) type Unusable = BTreeMap<ObjectId, bool>;

/// Notes one of them.
pub(super) fn note(unusable: &mut Unusable, object: &str, problem: &ObjectProblem) {
    if let Some((_, Some(id))) = name::parse(object)
        && *problem != ObjectProblem::Missing
    {
        unusable.insert(id, problem.is_unsupported());
    }
}

/// Those of `names` that mean one of them and no snapshot that can be read; and the other names.
///
/// # Errors
/// `Protected` for one that a newer program may know, unless it is to go all the same.
pub(super) fn named(
    unusable: &Unusable,
    readable: &BTreeSet<ObjectId>,
    names: Vec<String>,
    options: &ForgetOptions,
) -> Result<(BTreeSet<ObjectId>, Vec<String>), ForgetError> {
    let (mut found, mut others) = (BTreeSet::new(), Vec::new());
    for name in names {
        let lower = name.to_ascii_lowercase();
        let means = |id: &ObjectId| !lower.is_empty() && id.to_string().starts_with(&lower);
        let mut meant = unusable.iter().filter(|(id, _)| means(id));
        match (meant.next(), meant.next()) {
            (Some((id, is_unsupported)), None) if !readable.iter().any(means) => {
                if *is_unsupported && !options.even_protected {
                    let id = id.to_string().chars().take(12).collect();
                    let why = "of a version that only a newer offsite may know".to_owned();
                    return Err(ForgetError::Protected { id, why });
                }
                found.insert(*id);
            }
            _ => others.push(name),
        }
    }
    Ok((found, others))
}
