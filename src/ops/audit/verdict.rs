//! The verdicts, as scripts know them, and how many there were of each.

use std::collections::BTreeMap;

/// Findings of one verdict that are kept in words …
const KEPT_MAX: u64 = 10_000;
/// … and of one that says that all is as it should be.
const QUIET_KEPT_MAX: u64 = 1_000;

/// What the audit says of a row, or of a file. The order is that of a report: the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    Missing,
    SizeMismatch,
    ChecksumMismatch,
    SidecarMissing,
    AvatarMissing,
    StalePath,
    Moved,
    Untracked,
    DerivedAbsent,
    ExternalNotArchived,
    Offline,
    PendingDelete,
    OkExternal,
    Ok,
}

impl Verdict {
    pub const ALL: [Self; 14] = [
        Self::Missing,
        Self::SizeMismatch,
        Self::ChecksumMismatch,
        Self::SidecarMissing,
        Self::AvatarMissing,
        Self::StalePath,
        Self::Moved,
        Self::Untracked,
        Self::DerivedAbsent,
        Self::ExternalNotArchived,
        Self::Offline,
        Self::PendingDelete,
        Self::OkExternal,
        Self::Ok,
    ];

    /// The name that snapshots and scripts use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::SizeMismatch => "size_mismatch",
            Self::ChecksumMismatch => "checksum_mismatch",
            Self::SidecarMissing => "sidecar_missing",
            Self::AvatarMissing => "avatar_missing",
            Self::StalePath => "stale_path",
            Self::Moved => "moved",
            Self::Untracked => "untracked",
            Self::DerivedAbsent => "derived_absent",
            Self::ExternalNotArchived => "external_not_archived",
            Self::Offline => "offline",
            Self::PendingDelete => "pending_delete",
            Self::OkExternal => "ok_external",
            Self::Ok => "ok",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// Whether an original is missing or altered.
    pub const fn is_grave(self) -> bool {
        matches!(
            self,
            Self::Missing | Self::SizeMismatch | Self::ChecksumMismatch
        )
    }

    /// Whether it says that all is as it should be.
    pub const fn is_quiet(self) -> bool {
        matches!(
            self,
            Self::DerivedAbsent
                | Self::ExternalNotArchived
                | Self::Offline
                | Self::PendingDelete
                | Self::OkExternal
                | Self::Ok
        )
    }

    /// Findings of this verdict that are kept in words.
    pub const fn kept_max(self) -> u64 {
        match self {
            Self::Ok | Self::OkExternal => 0,
            verdict if verdict.is_quiet() => QUIET_KEPT_MAX,
            _ => KEPT_MAX,
        }
    }
}

/// How many there were of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally([u64; Verdict::ALL.len()]);

impl Tally {
    /// Counts one; says whether it is to be kept in words.
    pub fn count(&mut self, verdict: Verdict) -> bool {
        match self.0.get_mut(verdict as usize) {
            Some(count) => {
                *count += 1;
                *count <= verdict.kept_max()
            }
            None => false,
        }
    }

    pub fn of(&self, verdict: Verdict) -> u64 {
        self.0.get(verdict as usize).copied().unwrap_or(0)
    }

    /// All but those that say that all is well.
    pub fn findings(&self) -> u64 {
        let findings = Verdict::ALL.into_iter();
        findings
            .filter(|verdict| verdict.kept_max() > 0)
            .map(|verdict| self.of(verdict))
            .sum()
    }

    /// By name, as a snapshot keeps them. `ok` is always there, so that an audit of nothing is one.
    pub fn by_name(&self) -> BTreeMap<String, u64> {
        let all = Verdict::ALL.into_iter();
        let counted = all.filter(|verdict| self.of(*verdict) > 0 || *verdict == Verdict::Ok);
        counted
            .map(|verdict| (verdict.name().to_owned(), self.of(verdict)))
            .collect()
    }
}
