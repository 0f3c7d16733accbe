//! What a person says of the folders that Immich's container sees: `--map` and `--mounts-from`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::config::SourceSection;
use super::exit::Failure;
use crate::source::immich::mounts::given::mount;
use crate::source::immich::mounts::{self, Mount};

/// Part of the arguments of commands that look for files by the paths of the database.
#[derive(ClapArgs, Debug, Clone)]
pub struct Mounts {
    /// A folder of Immich's container and where it is on this host (may be given several times)
    #[arg(long, value_name = "CONTAINER=HOST", value_parser = mount)]
    map: Vec<Mount>,
    /// What Immich's container sees: the answer of docker inspect, or the compose file
    #[arg(long, value_name = "FILE")]
    mounts_from: Option<PathBuf>,
}

impl Mounts {
    /// With what the configuration says, where no flag does.
    pub fn completed(&self, source: &SourceSection) -> Self {
        Self {
            map: match self.map.is_empty() {
                true => source.map.clone(),
                false => self.map.clone(),
            },
            mounts_from: self
                .mounts_from
                .clone()
                .or_else(|| source.mounts_from.clone()),
        }
    }

    /// What a person said goes before what a file says.
    ///
    /// # Errors
    /// A file that cannot be read or made out.
    pub fn read(&self) -> Result<Vec<Mount>, Failure> {
        let mut mounts = self.map.clone();
        if let Some(file) = &self.mounts_from {
            let hint = "give the answer of docker inspect immich_server, or say \
                        --map CONTAINER=HOST for each folder";
            let told = mounts::from_file(file).map_err(|error| Failure::failed(error, hint))?;
            let is_new = |one: &Mount| self.map.iter().all(|map| map.container != one.container);
            mounts.extend(told.into_iter().filter(is_new));
        }
        Ok(mounts)
    }
}
