//! What came out of trying a store, and what that means for whoever relies on it.

use serde::{Deserialize, Serialize};

/// How a store did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does what one would wish.
    Good,
    /// It does not, and one can live with it.
    Lacking,
    /// Backups rely on it, and it is not so.
    Broken,
    /// It could not be found out.
    Unknown,
}

impl Verdict {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Lacking => "lacking",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
        }
    }
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its name for scripts.
    pub probe: &'static str,
    pub verdict: Verdict,
    /// What was seen.
    pub found: String,
    /// What it means, in a line.
    pub means: &'static str,
}

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// Adds, and takes nothing away.
    Backup,
    /// Deletes what is no longer needed, and extends locks.
    Maintenance,
    /// Reads only.
    Restore,
}

/// What is remembered of a store; `None`: it could not be found out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// When it was looked at, seconds since 1970.
    pub seen: i64,
    pub writes: Option<bool>,
    pub conditional_put: Option<bool>,
    /// Of several conditional PUTs at once one wins.
    pub atomic_put: Option<bool>,
    /// A CRC-64/NVME is taken with a PUT, and a wrong one refused.
    pub crc64: Option<bool>,
    /// It is shown again later.
    pub crc64_kept: Option<bool>,
    pub versions: Option<bool>,
    pub governance: Option<bool>,
    /// These credentials lift a lock of mode governance.
    pub lifts_governance: Option<bool>,
    pub compliance: Option<bool>,
    pub extend: Option<bool>,
    pub overwrite: Option<bool>,
    pub delete: Option<bool>,
    /// A version can be removed for good.
    pub delete_version: Option<bool>,
    /// This machine's clock before (negative) or after the store's, in seconds.
    pub clock_skew_seconds: Option<i64>,
}

impl Profile {
    /// Whether PUTs should carry a checksum, for it is kept.
    pub fn keeps_checksums(&self) -> bool {
        self.crc64 == Some(true) && self.crc64_kept == Some(true)
    }
}

/// Everything that came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DoctorReport {
    pub findings: Vec<Finding>,
    pub profile: Profile,
    /// Names in the scratch place that could not be removed, with the reason.
    pub left: Vec<String>,
}

impl DoctorReport {
    /// Whether everything that backups rely on holds.
    pub fn is_sound(&self) -> bool {
        let is_broken = |finding: &Finding| finding.verdict == Verdict::Broken;
        !self.findings.iter().any(is_broken)
    }

    /// Adds what the credential should be able to do, or should not.
    pub(super) fn judge(&mut self, expect: Expectation) {
        let profile = &self.profile;
        let can_delete = [
            profile.delete,
            profile.delete_version,
            profile.lifts_governance,
        ];
        let deletes = can_delete.contains(&Some(true));
        let verdict = |is_good: bool| match is_good {
            true => Verdict::Good,
            false => Verdict::Broken,
        };
        let (verdict, found, means) = match expect {
            Expectation::Backup if deletes => (
                Verdict::Broken,
                "this credential can delete",
                "whoever takes over the host can delete backups: take that right away",
            ),
            Expectation::Backup if profile.writes != Some(true) => (
                Verdict::Broken,
                "this credential cannot store",
                "a backup needs the rights to put, get and list",
            ),
            Expectation::Backup => (
                Verdict::Good,
                "it adds and takes nothing away",
                "whoever takes over the host cannot delete what is stored",
            ),
            Expectation::Maintenance => (
                verdict(deletes),
                if deletes {
                    "this credential can delete"
                } else {
                    "this credential cannot delete"
                },
                "prune needs to delete what no snapshot needs",
            ),
            Expectation::Restore => (
                verdict(profile.writes == Some(false)),
                if profile.writes == Some(false) {
                    "this credential cannot store"
                } else {
                    "this credential can store"
                },
                "a restore reads only: what it cannot do, nobody can do with it",
            ),
        };
        if expect == Expectation::Restore {
            // That nothing can be stored is what was asked for.
            let of_writing = |finding: &&mut Finding| finding.probe == "read_after_write";
            if let Some(finding) = self.findings.iter_mut().find(of_writing)
                && verdict == Verdict::Good
            {
                finding.verdict = Verdict::Unknown;
            }
        }
        self.findings.push(Finding {
            probe: "credential",
            verdict,
            found: found.to_owned(),
            means,
        });
    }
}
