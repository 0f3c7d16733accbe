//! Policies of least privilege, in the language of AWS IAM, which most S3 servers understand.
//! Actions: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>

use serde_json::{Value, json};

use crate::ops::Expectation;

/// For people, after the policies.
pub const NOTES: [&str; 8] = [
    "Give each role a user and an access key of its own. Only the backup key lies on the backup host.",
    "Locks: make the bucket with Object Lock (it cannot be added everywhere later), and back up with",
    "--object-lock MODE:DAYS. Then offsite doctor --expect backup, with the backup key, tries it out.",
    "Backblaze B2: application keys have capabilities: listBuckets, listFiles, readFiles, writeFiles and",
    "  writeFileRetentions for backup; deleteFiles for maintenance only. It knows no conditional PUT.",
    "Wasabi and Hetzner: these policies work as they stand; Wasabi charges each object for 90 days.",
    "Cloudflare R2: tokens read, or read and write; none can write and not delete. It has no Object",
    "  Lock and no versions: set a bucket lock rule in its dashboard, for as long as you want to keep.",
];

/// What a role does, in words.
pub const fn what_for(role: Expectation) -> &'static str {
    match role {
        Expectation::Backup => "which adds, locks, and can take nothing away",
        Expectation::Maintenance => "which also deletes what is no longer needed and extends locks",
        Expectation::Restore => "which only reads",
    }
}

/// The policy of a role for a repository in a bucket. `prefix` has no slash at its ends.
pub fn policy(role: Expectation, bucket: &str, prefix: &str) -> Value {
    let slash = if prefix.is_empty() { "" } else { "/" };
    let objects = format!("arn:aws:s3:::{bucket}/{prefix}{slash}*");
    let mut listing = json!({
        "Sid": "List",
        "Effect": "Allow",
        "Action": ["s3:ListBucket", "s3:ListBucketVersions"],
        "Resource": format!("arn:aws:s3:::{bucket}"),
    });
    if !prefix.is_empty() {
        listing["Condition"] = json!({ "StringLike": { "s3:prefix": format!("{prefix}/*") } });
    }
    let read = [
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:GetObjectRetention",
    ];
    let write = ["s3:PutObject", "s3:PutObjectRetention"];
    let delete = ["s3:DeleteObject", "s3:DeleteObjectVersion"];
    let actions = match role {
        Expectation::Restore => read.to_vec(),
        Expectation::Backup => [&read[..], &write].concat(),
        Expectation::Maintenance => [&read[..], &write, &delete].concat(),
    };
    let mut statements = vec![
        listing,
        json!({ "Sid": "Objects", "Effect": "Allow", "Action": actions, "Resource": objects }),
    ];
    // Said although nobody allows it: another policy of the same user might.
    let never = match role {
        Expectation::Backup => [&delete[..], &["s3:BypassGovernanceRetention"]].concat(),
        Expectation::Maintenance => vec!["s3:BypassGovernanceRetention"],
        Expectation::Restore => [&write[..], &delete, &["s3:BypassGovernanceRetention"]].concat(),
    };
    statements
        .push(json!({ "Sid": "Never", "Effect": "Deny", "Action": never, "Resource": objects }));
    let settings = [
        "s3:PutBucketPolicy",
        "s3:DeleteBucketPolicy",
        "s3:PutBucketVersioning",
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutLifecycleConfiguration",
        "s3:DeleteBucket",
    ];
    statements.push(json!({
        "Sid": "NeverTheBucket",
        "Effect": "Deny",
        "Action": settings,
        "Resource": format!("arn:aws:s3:::{bucket}"),
    }));
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: &Value, action: &str) -> bool {
        let statements = policy["Statement"].as_array().unwrap();
        let names = |effect: &str, action: &str| {
            let mut of_effect = statements.iter().filter(|it| it["Effect"] == effect);
            of_effect.any(|it| {
                it["Action"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|it| it == action)
            })
        };
        names("Allow", action) && !names("Deny", action)
    }

    #[test]
    fn each_role_may_do_what_it_is_for_and_no_more() {
        use Expectation::{Backup, Maintenance, Restore};
        for (role, put, delete) in [
            (Backup, true, false),
            (Maintenance, true, true),
            (Restore, false, false),
        ] {
            let policy = policy(role, "photos", "home/offsite");
            assert!(allows(&policy, "s3:GetObject") && allows(&policy, "s3:ListBucketVersions"));
            assert_eq!(allows(&policy, "s3:PutObject"), put);
            assert_eq!(allows(&policy, "s3:PutObjectRetention"), put);
            assert_eq!(allows(&policy, "s3:DeleteObject"), delete);
            assert_eq!(allows(&policy, "s3:DeleteObjectVersion"), delete);
            assert!(!allows(&policy, "s3:BypassGovernanceRetention"));
            let text = policy.to_string();
            assert!(
                text.contains("arn:aws:s3:::photos/home/offsite/*"),
                "{text}"
            );
            assert!(text.contains(r#""s3:prefix":"home/offsite/*""#), "{text}");
        }
        let whole = policy(Backup, "photos", "").to_string();
        assert!(
            whole.contains("arn:aws:s3:::photos/*") && !whole.contains("s3:prefix"),
            "{whole}"
        );
    }
}
