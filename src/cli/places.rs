//! A place: one copy of the repository, and how to get there. Which of them a command works on is
//! settled in `named_places`.

use std::sync::Arc;
use std::time::Duration;

use super::exit::Failure;
use super::prices::Prices;
use super::show;
use crate::format::{Kind, name};
use crate::progress::Progress;
use crate::seams::Seams;
use crate::store::Store;
use crate::store::open::{OpenOptions, StoreUrl, open, open_bare};
pub use crate::store::retention::{LockMode, ObjectLock};
use crate::store::retry::RetryOptions;
use crate::store::s3::{StaticCredentials, StorageClass};
use crate::store::throttle::Limits;

/// A store that has not answered at all is given up after so long where there are others.
pub const PATIENCE: Duration = Duration::from_secs(15);

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

impl Medium {
    /// As it is written in the configuration.
    pub const WORDS: [(&str, Self); 3] = [
        ("disk", Self::Disk),
        ("nas", Self::Nas),
        ("cloud", Self::Cloud),
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Nas => "nas",
            Self::Cloud => "cloud",
        }
    }
}

/// The variables of the environment that hold an access key. Only their names are known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialVariables {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

impl CredentialVariables {
    fn read(&self) -> Result<StaticCredentials, Failure> {
        let read = |name: &String| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            value.ok_or_else(|| {
                Failure::usage(
                    &format!("the environment variable {name} is not set, or is no text"),
                    "the configuration says that it holds a part of the access key",
                )
            })
        };
        Ok(StaticCredentials {
            access_key_id: read(&self.access_key_id)?,
            secret_access_key: read(&self.secret_access_key)?,
            session_token: self.session_token.as_ref().map(read).transpose()?,
        })
    }
}

/// Where one copy of a repository is, and how to get there.
#[derive(Debug, Clone)]
pub struct Place {
    /// What people call it: the name from the configuration, or the address.
    pub name: String,
    pub url: StoreUrl,
    pub endpoint: Option<String>,
    pub region: Option<String>,
    /// Of the AWS configuration files; `None`: the one that AWS_PROFILE names.
    pub profile: Option<String>,
    /// `None`: as AWS users keep them.
    pub credentials: Option<CredentialVariables>,
    pub medium: Medium,
    pub offsite: bool,
    pub limits: Limits,
    pub object_lock: Option<ObjectLock>,
    /// What `x-amz-storage-class` says of packs; `None`: what the bucket has by default.
    pub storage_class: Option<String>,
    /// Packs may be stored as what the provider hands out after hours only.
    pub slow_to_fetch: bool,
    /// What its provider asks for; `None`: what the configuration says of clouds.
    pub prices: Option<Prices>,
}

impl Place {
    /// One of which no more is known than its address: a folder counts as a disk in the house, a
    /// bucket as somebody else's, away from home.
    pub fn at(url: StoreUrl) -> Self {
        let is_folder = matches!(url, StoreUrl::Folder(_));
        Self {
            name: url.to_string(),
            url,
            endpoint: None,
            region: None,
            profile: None,
            credentials: None,
            medium: match is_folder {
                true => Medium::Disk,
                false => Medium::Cloud,
            },
            offsite: !is_folder,
            limits: Limits::default(),
            object_lock: None,
            storage_class: None,
            slow_to_fetch: false,
            prices: None,
        }
    }

    pub fn is_folder(&self) -> bool {
        matches!(self.url, StoreUrl::Folder(_))
    }

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
    /// As `store::open::open`; usage where a variable that holds the access key is not set.
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
            name: show::harmless_sentence(&self.name),
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
        let options = self.options(create, retry)?;
        Ok(open(&self.url, &options, seams)?)
    }

    /// Another address at the same server, with the same access, without patience and without locks:
    /// for whoever wants to see what the store does.
    ///
    /// # Errors
    /// As [`Place::open`].
    pub fn open_bare_at(&self, url: &StoreUrl, seams: &Seams) -> Result<Arc<dyn Store>, Failure> {
        let options = self.options(true, RetryOptions::default())?;
        Ok(open_bare(url, &options, seams)?)
    }

    fn options(&self, create: bool, retry: RetryOptions) -> Result<OpenOptions, Failure> {
        let credentials = self.credentials.as_ref();
        Ok(OpenOptions {
            profile: self.profile.clone(),
            credentials: credentials.map(CredentialVariables::read).transpose()?,
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            limits: self.limits,
            retry,
            create,
            object_lock: self.object_lock,
            // Nothing is lost with a plan; one that cannot be deleted when it was carried out would be
            // carried out by each prune to come.
            unlocked_beneath: Some(name::prefix(Kind::Plan)),
            // What else there is is small and read every night: in a class with a price for reading,
            // or for the least size, it would cost more than it saves.
            storage_class: self.storage_class.as_ref().map(|class| StorageClass {
                class: class.clone(),
                beneath: name::prefix(Kind::DataPack),
            }),
            path_style: None,
        })
    }
}
