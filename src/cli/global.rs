//! Flags of all commands.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::Args;

use crate::store::retention::ObjectLock;

/// See `offsite help`; secrets never come in as arguments.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Where the repository is: a folder, file:///folder, s3://bucket/prefix, or its name in the
    /// configuration (again for each further copy, where a command works on several)
    #[arg(
        long,
        global = true,
        value_name = "URL|NAME",
        env = "OFFSITE_REPOSITORY",
        hide_env_values = true
    )]
    pub repo: Vec<String>,
    /// The configuration (without it: ./offsite.toml, ~/.config/offsite/offsite.toml or
    /// /etc/offsite/offsite.toml)
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "OFFSITE_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// The S3 server, where it is not Amazon's
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "AWS_ENDPOINT_URL",
        hide_env_values = true
    )]
    pub endpoint: Option<String>,
    /// The region of the bucket, at Amazon's
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// Lock what is stored in a bucket with Object Lock: MODE:DAYS, such as compliance:90 or
    /// governance:30
    #[arg(long, global = true, value_name = "MODE:DAYS")]
    pub object_lock: Option<ObjectLock>,
    /// Where this host keeps its writer key and index (without it: ~/.local/state/offsite of the
    /// user)
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "OFFSITE_STATE_DIR",
        hide_env_values = true
    )]
    pub state_dir: Option<PathBuf>,
    /// Read the passphrase from a file
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Read the passphrase from a command
    #[arg(long, global = true, value_name = "CMD")]
    pub passphrase_command: Option<String>,
    /// Read the 24 words of the recovery kit from a file, instead of a passphrase (- is standard
    /// input)
    #[arg(long, global = true, value_name = "FILE")]
    pub words_file: Option<PathBuf>,
    /// One JSON document on standard output, nothing else there
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing but errors and warnings, such as which files could not be read
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Name every file that is read or written
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// No progress bars
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Send at most so many bytes a second (such as 500k or 2M)
    #[arg(long, global = true, value_name = "RATE", value_parser = rate)]
    pub upload_limit: Option<NonZeroU64>,
    /// Fetch at most so many bytes a second
    #[arg(long, global = true, value_name = "RATE", value_parser = rate)]
    pub download_limit: Option<NonZeroU64>,
}

/// `500k`, `2M`, `1G`, or bytes; decimal units.
pub fn rate(text: &str) -> Result<NonZeroU64, String> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor = match unit
        .trim()
        .trim_end_matches("/s")
        .to_ascii_lowercase()
        .as_str()
    {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        _ => return Err("write a rate such as 500k, 2M or 1G (bytes a second)".to_owned()),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "a rate begins with a number".to_owned())?;
    let rate = number.checked_mul(factor).and_then(NonZeroU64::new);
    rate.ok_or_else(|| "a rate must be more than nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_in_decimal_units() {
        assert_eq!(rate("500k").unwrap().get(), 500_000);
        assert_eq!(rate("2 MB/s").unwrap().get(), 2_000_000);
        assert_eq!(rate("7").unwrap().get(), 7);
        for wrong in ["", "fast", "0", "0M", "1T", "-1", "99999999999999G"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
