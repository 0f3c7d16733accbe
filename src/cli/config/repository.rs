//! `[[repository]]` of `offsite.toml`: a copy of the repository each, as a [`Place`].

use std::path::Path;

use url::Url;

use super::table::Table;
use super::upkeep::read_prices;
use super::values;
use crate::cli::global::rate;
use crate::cli::places::{CredentialVariables, LockMode, Medium, ObjectLock, Place};
use crate::cli::prices::Prices;
use crate::store::StoreError;
use crate::store::open::StoreUrl;
use crate::store::throttle::Limits;

/// A hundred years.
const LOCK_DAYS_MAX: u32 = 36_500;

/// Keys that only make sense for a bucket.
const OF_BUCKETS: [&str; 9] = [
    "endpoint",
    "region",
    "profile",
    "access_key_id_variable",
    "secret_access_key_variable",
    "session_token_variable",
    "object_lock",
    "storage_class",
    "slow_to_fetch",
];

/// Classes from which the provider hands nothing out for minutes to days, and only on request.
const SLOW_TO_FETCH: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];

/// All that make sense; two of one name, or at one place, are a mistake.
pub fn read_all(tables: Vec<Table<'_>>, base: &Path) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for table in tables {
        let place = read(table, base, &places);
        places.extend(place);
    }
    places
}

fn read(mut table: Table<'_>, base: &Path, before: &[Place]) -> Option<Place> {
    let name = table.text("name", values::name);
    if let Some(name) = &name {
        table.call(name);
    } else if !table.has("name") {
        table.wrong(
            "name",
            "each repository needs a name of its own, such as nas",
        );
    }
    let url = table.text("url", |text| url(text, base));
    if !table.has("url") {
        table.wrong("url", "a folder or s3://bucket/prefix belongs here");
    }
    let rest = Rest::read(&table);
    let place = name
        .zip(url)
        .map(|(name, url)| rest.applied(name, Place::at(url)));
    if let Some(place) = &place {
        check(&table, place, before);
    }
    table.end();
    place
}

/// What need not be there.
struct Rest {
    endpoint: Option<String>,
    region: Option<String>,
    profile: Option<String>,
    credentials: Option<CredentialVariables>,
    medium: Option<Medium>,
    offsite: Option<bool>,
    limits: Limits,
    object_lock: Option<ObjectLock>,
    storage_class: Option<String>,
    slow_to_fetch: bool,
    prices: Option<Prices>,
}

impl Rest {
    fn read(table: &Table<'_>) -> Self {
        Self {
            endpoint: table.text("endpoint", endpoint),
            region: table.text("region", values::plain),
            profile: table.text("profile", values::plain),
            credentials: credentials(table),
            medium: table.text("medium", |text| values::one_of(text, &Medium::WORDS)),
            offsite: table.truth("offsite"),
            limits: Limits {
                upload: table.text("upload_limit", rate),
                download: table.text("download_limit", rate),
            },
            object_lock: table.table("object_lock").and_then(object_lock),
            storage_class: table.text("storage_class", storage_class),
            slow_to_fetch: table.truth("slow_to_fetch").unwrap_or(false),
            prices: table.table("prices").map(|table| {
                let prices = read_prices(&table);
                table.end();
                prices
            }),
        }
    }

    fn applied(self, name: String, place: Place) -> Place {
        let medium = self.medium.unwrap_or(place.medium);
        Place {
            name,
            endpoint: self.endpoint,
            region: self.region,
            profile: self.profile,
            credentials: self.credentials,
            medium,
            offsite: self.offsite.unwrap_or(medium == Medium::Cloud),
            limits: self.limits,
            object_lock: self.object_lock,
            storage_class: self.storage_class,
            slow_to_fetch: self.slow_to_fetch,
            prices: self.prices,
            ..place
        }
    }
}

fn check(table: &Table<'_>, place: &Place, before: &[Place]) {
    if before.iter().any(|other| other.name == place.name) {
        table.wrong("name", "another repository has that name already");
    }
    if let Some(other) = before.iter().find(|other| other.key() == place.key()) {
        let sentence = format!(
            "it is the same place as {:?}, and one place twice is not two copies",
            other.name
        );
        table.wrong("url", &sentence);
    }
    if place.is_folder() {
        for key in OF_BUCKETS.iter().filter(|key| table.has(key)) {
            table.wrong(
                key,
                "it is for s3://bucket/prefix, and this repository is a folder",
            );
        }
    }
    let class = place.storage_class.as_deref().unwrap_or_default();
    if SLOW_TO_FETCH.contains(&class) && !place.slow_to_fetch {
        let sentence = "it hands nothing out for hours, and then neither restore nor verify nor prune \
                        works; set slow_to_fetch = true if that is what you want";
        table.wrong("storage_class", sentence);
    }
    if table.has("profile") && table.has("access_key_id_variable") {
        let sentence = "access keys come from a profile or from variables, not from both";
        table.wrong("profile", sentence);
    }
}

fn credentials(table: &Table<'_>) -> Option<CredentialVariables> {
    let [id, secret] = ["access_key_id_variable", "secret_access_key_variable"];
    let access_key_id = table.text(id, values::variable);
    let secret_access_key = table.text(secret, values::variable);
    let session_token = table.text("session_token_variable", values::variable);
    let are_there = [id, secret].map(|key| table.has(key));
    let lonely = match are_there {
        [true, false] => Some(secret),
        [false, true] => Some(id),
        [false, false] if session_token.is_some() => Some(id),
        _ => None,
    };
    if let Some(key) = lonely {
        table.wrong(
            key,
            "it is missing: both halves of an access key are needed",
        );
    }
    Some(CredentialVariables {
        access_key_id: access_key_id?,
        secret_access_key: secret_access_key?,
        session_token,
    })
}

fn object_lock(table: Table<'_>) -> Option<ObjectLock> {
    let mode = table.text("mode", |text| values::one_of(text, &LockMode::WORDS));
    let days = table.whole("days", 1..=LOCK_DAYS_MAX);
    for key in ["mode", "days"].iter().filter(|key| !table.has(key)) {
        table.wrong(
            key,
            "it is missing, as in { mode = \"governance\", days = 30 }",
        );
    }
    table.end();
    Some(ObjectLock {
        mode: mode?,
        days: days?,
    })
}

/// Nothing of the address is repeated: it may hold a secret that should not be in it.
fn url(text: &str, base: &Path) -> Result<StoreUrl, String> {
    let url: StoreUrl = text.parse().map_err(|error: StoreError| error.detail)?;
    Ok(match url {
        StoreUrl::Folder(path) => StoreUrl::Folder(base.join(path)),
        bucket @ StoreUrl::S3 { .. } => bucket,
    })
}

fn endpoint(text: &str) -> Result<String, String> {
    let wrong = || "the address of the S3 server belongs here, such as https://s3.example.org";
    let url = Url::parse(text).map_err(|_| wrong())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials do not belong into the endpoint".to_owned());
    }
    let is_plain = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() || !is_plain {
        return Err(wrong().to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn storage_class(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    match !text.is_empty() && text.chars().all(is_allowed) {
        true => Ok(text.to_owned()),
        false => Err("the name of a storage class belongs here, such as STANDARD_IA".to_owned()),
    }
}
