//! `[source]` of `offsite.toml`: what is backed up. Each key is what a flag of `offsite backup` is.

use std::path::{Path, PathBuf};

use super::table::Table;
use super::values;
use crate::source::filter::Filter;
use crate::source::immich::mounts::Mount;
use crate::source::immich::mounts::given::mount;
use crate::source::{Limits, SourceError};

/// What is backed up; by default nothing. Paths are absolute.
#[derive(Debug, Clone, Default)]
pub struct SourceSection {
    /// Immich's upload location.
    pub immich: Option<PathBuf>,
    /// Other files and folders.
    pub folders: Vec<PathBuf>,
    /// The `.env` and the compose files of the folder above `immich` come along.
    pub include_config: bool,
    /// The folder where those are.
    pub compose_folder: Option<PathBuf>,
    /// Globs of what is left out.
    pub exclude: Vec<String>,
    /// Files with more of them.
    pub exclude_files: Vec<PathBuf>,
    /// Where else to stop.
    pub limits: Limits,
    /// Folders of Immich's container and of this host.
    pub map: Vec<Mount>,
    /// A file that tells them: the answer of docker inspect, or the compose file.
    pub mounts_from: Option<PathBuf>,
    /// Labels for each snapshot.
    pub tags: Vec<String>,
    /// What this machine is called in snapshots; `None`: as it calls itself.
    pub host: Option<String>,
}

impl SourceSection {
    pub fn read(table: &Table<'_>, base: &Path) -> Self {
        let path = |text: &str| values::path(text, base);
        let section = Self {
            immich: table.text("immich", path),
            folders: table.texts("folders", path).unwrap_or_default(),
            include_config: table.truth("include_config").unwrap_or_default(),
            compose_folder: table.text("compose_folder", path),
            exclude: table.texts("exclude", pattern).unwrap_or_default(),
            exclude_files: table.texts("exclude_files", path).unwrap_or_default(),
            limits: Limits {
                one_file_system: table.truth("one_file_system").unwrap_or_default(),
                exclude_caches: table.truth("exclude_caches").unwrap_or_default(),
            },
            map: table.texts("map", one_mount).unwrap_or_default(),
            mounts_from: table.text("mounts_from", path),
            tags: table.texts("tags", values::plain).unwrap_or_default(),
            host: table.text("host", values::plain),
        };
        if section.include_config && !table.has("immich") {
            table.wrong("include_config", "it goes with immich, which is not set");
        }
        let mut seen = Vec::new();
        for mount in &section.map {
            if seen.contains(&&mount.container) {
                let folder = String::from_utf8_lossy(&mount.container);
                table.wrong("map", &format!("{folder} is mapped twice"));
            }
            seen.push(&mount.container);
        }
        section
    }
}

fn pattern(text: &str) -> Result<String, String> {
    match Filter::new(&[text]) {
        Ok(_) => Ok(text.to_owned()),
        Err(SourceError::Pattern { reason, .. }) => {
            Err(format!("the pattern {text:?} cannot work: {reason}"))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn one_mount(text: &str) -> Result<Mount, String> {
    mount(text).map_err(|error| error.to_string())
}
