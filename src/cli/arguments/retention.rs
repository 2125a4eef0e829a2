//! Options of `gc` and `erase`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::ShowOutput;

#[derive(Clone, Debug, Args)]
pub struct GcArguments {
    /// Only tell what would be dropped and what is kept, and why
    #[arg(long)]
    pub dry_run: bool,
    #[arg(long, value_enum, default_value_t = ShowOutput::Text)]
    pub output: ShowOutput,
    /// How long the ledger remembers what each node took: days, such as 90d, or never to forget nothing
    #[arg(long, value_name = "AGE", default_value = "400d")]
    pub ledger_older_than: Age,
    /// Seconds to wait for a run to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub lock_wait: u64,
}

#[derive(Clone, Debug, Args)]
pub struct EraseArguments {
    /// Whom to erase: a subject key that columns declare, and its value (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub subject: Vec<String>,
    /// A file with one KEY=VALUE a line, or - for the standard input; it stands in no history of a shell
    #[arg(long, value_name = "FILE")]
    pub subjects_file: Option<PathBuf>,
    /// Everybody whose key meets an SQL condition; a condition is about one key (repeatable)
    #[arg(id = "where", long, value_name = "CONDITION")]
    pub conditions: Vec<String>,
    /// Only count the rows, and name what is not covered
    #[arg(long)]
    pub dry_run: bool,
    /// Delete from sources too, where their columns declare the key
    #[arg(long)]
    pub include_sources: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    #[arg(long, value_enum, default_value_t = ShowOutput::Text)]
    pub output: ShowOutput,
    /// Seconds to wait for a run to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub lock_wait: u64,
}

/// A number of days, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    Days(u32),
    Never,
}

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::Never);
        }
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
        days.filter(|days| *days <= 36_500)
            .map(Self::Days)
            .ok_or_else(|| "write days, such as 400d (at most 36500d), or never".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_days_or_never() {
        assert_eq!("400d".parse(), Ok(Age::Days(400)));
        assert_eq!("never".parse(), Ok(Age::Never));
        for wrong in ["400", "1y", "-1d", "99999d", ""] {
            assert!(wrong.parse::<Age>().is_err(), "{wrong}");
        }
    }
}
