//! The places a command works on: the copies of the repository that were named.

use std::sync::Arc;
use std::time::Duration;

use super::exit::Failure;
use super::global::Global;
use crate::progress::Progress;
use crate::seams::Seams;
use crate::store::Store;
use crate::store::open::{OpenOptions, StoreUrl, open};
use crate::store::retry::RetryOptions;
use crate::store::throttle::Limits;

/// What a copy lies on: three copies should not lie on one kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Medium {
    /// A disk of this machine.
    Disk,
    /// Another machine in the house.
    Nas,
    /// Somebody else's machines.
    Cloud,
}

/// Where one copy of a repository is, and how to get there.
#[derive(Debug, Clone)]
pub struct Place {
    /// What people call it: the name from the configuration, or the address.
    pub name: String,
    pub url: StoreUrl,
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub medium: Medium,
    pub offsite: bool,
    pub limits: Limits,
}

impl Place {
    /// Tells it from all other places on this host, however it was typed.
    pub fn key(&self) -> String {
        match &self.url {
            StoreUrl::Folder(path) => {
                let real = path.canonicalize().or_else(|_| std::path::absolute(path));
                real.unwrap_or_else(|_| path.clone()).display().to_string()
            }
            url @ StoreUrl::S3 { .. } => match &self.endpoint {
                Some(endpoint) => format!("{url} at {}", endpoint.trim_end_matches('/')),
                None => url.to_string(),
            },
        }
    }

    /// The store at the place.
    ///
    /// # Errors
    /// As `store::open::open`.
    pub fn open(
        &self,
        create: bool,
        seams: &Seams,
        progress: Arc<dyn Progress>,
    ) -> Result<Arc<dyn Store>, Failure> {
        let retry = RetryOptions {
            progress: Some(progress),
            ..RetryOptions::default()
        };
        self.open_with(create, seams, retry)
    }

    /// The store at the place, where there are other copies: while it has not answered at all, it is
    /// given up after `patience`.
    ///
    /// # Errors
    /// As `store::open::open`.
    pub fn open_among_others(
        &self,
        patience: Duration,
        seams: &Seams,
        progress: Arc<dyn Progress>,
    ) -> Result<Arc<dyn Store>, Failure> {
        let retry = RetryOptions {
            budget_unanswered: patience,
            progress: Some(progress),
            ..RetryOptions::default()
        };
        self.open_with(false, seams, retry)
    }

    fn open_with(
        &self,
        create: bool,
        seams: &Seams,
        retry: RetryOptions,
    ) -> Result<Arc<dyn Store>, Failure> {
        let options = OpenOptions {
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            limits: self.limits,
            retry,
            create,
            ..OpenOptions::default()
        };
        Ok(open(&self.url, &options, seams)?)
    }
}

/// The places that the flags name, in their order; at least one.
///
/// # Errors
/// Usage: none was named, or an address cannot work.
pub fn named(global: &Global) -> Result<Vec<Place>, Failure> {
    // An empty variable is none: that is how compose files leave one out.
    let named = global.repo.iter().filter(|url| !url.is_empty());
    let places = named.map(|url| at(url, global));
    let places = places.collect::<Result<Vec<_>, _>>()?;
    if places.is_empty() {
        return Err(Failure::usage(
            "no repository was named",
            "give --repo URL, or set OFFSITE_REPOSITORY",
        ));
    }
    Ok(places)
}

fn at(url: &str, global: &Global) -> Result<Place, Failure> {
    let url = url.parse::<StoreUrl>()?;
    let is_folder = matches!(url, StoreUrl::Folder(_));
    Ok(Place {
        name: url.to_string(),
        endpoint: global.endpoint.clone().filter(|_| !is_folder),
        region: global.region.clone(),
        medium: if is_folder {
            Medium::Disk
        } else {
            Medium::Cloud
        },
        offsite: !is_folder,
        limits: Limits {
            upload: global.upload_limit,
            download: global.download_limit,
        },
        url,
    })
}
