//! From what a person named to roots with numbers and stored paths.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::options::SourceChoice;
use crate::format::entry::is_beneath;
use crate::ops::error::shown;
use crate::ops::{OpsError, Result};
use crate::progress::Progress;
use crate::source::filter::Filter;
use crate::source::immich::layout::Layout;
use crate::source::immich::{config, location};
use crate::source::{Root, SourceError, plain, postgres};

/// Numbers of plain roots are above this one; those up to it belong to Immich's folders.
const PLAIN_ABOVE: u32 = 10;

/// The roots of a run, in the order of their numbers.
///
/// # Errors
/// Nothing was named; a source that cannot be backed up; two that would be stored at one path.
pub fn resolve(
    choice: &SourceChoice,
    current: &Path,
    progress: &dyn Progress,
) -> Result<Vec<Root>> {
    let mut roots = Vec::new();
    if let Some(location) = &choice.immich {
        let layout = Layout::read(&current.join(location))?;
        layout
            .notices()
            .iter()
            .for_each(|notice| progress.notice(notice));
        roots.extend(layout.roots);
    }
    if !choice.paths.is_empty() {
        let renumbered = plain::roots(&choice.paths, current)?
            .into_iter()
            .map(|root| Root {
                number: root.number + PLAIN_ABOVE,
                ..root
            });
        let plain: Vec<Root> = renumbered.collect();
        if choice.immich.is_none() {
            plain.iter().for_each(|root| name_immich(root, progress));
        }
        roots.extend(plain);
    }
    if let Some(folder) = &choice.config {
        let above = roots.last().map_or(0, |root| root.number).max(PLAIN_ABOVE);
        let real = fs::canonicalize(current.join(folder)).map_err(|source| SourceError::Root {
            path: folder.clone(),
            source,
        })?;
        let config = config::roots(&real)?;
        roots.extend(config.into_iter().map(|root| Root {
            number: root.number + above,
            ..root
        }));
    }
    if roots.is_empty() && choice.database.is_none() {
        return Err(SourceError::NoPaths.into());
    }
    postgres::refuse_data_folders(&roots, &Filter::new(&choice.exclude)?)?;
    for (place, root) in roots.iter().enumerate() {
        let earlier = roots.get(..place).unwrap_or_default();
        if let Some(other) = earlier.iter().find(|other| overlap(root, other)) {
            return Err(OpsError::RootsOverlap {
                first: shown(&other.stored_as),
                second: shown(&root.stored_as),
            });
        }
    }
    Ok(roots)
}

/// Photos without their database restore to nameless files: who names the folder of Immich like any
/// other is told of the better way.
fn name_immich(root: &Root, progress: &dyn Progress) {
    let location = if location::looks_like_one(&root.folder) {
        Some(root.folder.clone())
    } else {
        location::directly_in(&root.folder)
    };
    if let Some(location) = location {
        let path = shown(location.as_os_str().as_bytes());
        progress.notice(&format!(
            "note: {path} looks like Immich's upload location; --immich {path} takes its originals \
             together with the database dump that names them, and leaves thumbnails out"
        ));
    }
}

fn overlap(one: &Root, two: &Root) -> bool {
    is_beneath(&one.stored_as, &two.stored_as) || is_beneath(&two.stored_as, &one.stored_as)
}

/// Whether a root is one of Immich's folders.
pub fn is_immich(root: &Root) -> bool {
    root.number <= PLAIN_ABOVE
}
