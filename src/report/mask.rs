//! Secret variables are starred out of everything that is said, whoever says it.

use std::io::{self, Write};

use crate::project::profile::Environment;

/// What stands in place of a secret, as in dbt's logs.
const STARS: &str = "*****";

/// Hides the values of the variables that `DBT_ENV_SECRET` names.
#[derive(Clone, Debug)]
pub struct Mask(Vec<String>);

impl Mask {
    pub fn of_environment() -> Self {
        let here: Environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::new(here.secrets().iter().map(|secret| secret.reveal().to_owned()))
    }

    fn new(secrets: impl Iterator<Item = String>) -> Self {
        let mut all = Vec::new();
        for secret in secrets {
            // As a JSON string has it, too, and JSON in a JSON string.
            let once = quoted(&secret);
            all.push(quoted(&once));
            all.push(once);
            all.extend(secret.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned));
        }
        // A secret may be part of another one.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        all.dedup();
        Self(all)
    }

    pub fn hide(&self, text: &str) -> String {
        let hidden = self.0.iter().filter(|secret| text.contains(secret.as_str()));
        hidden.fold(text.to_owned(), |text, secret| text.replace(secret, STARS))
    }

    /// The same for all that is written.
    pub fn over<W: Write>(self, out: W) -> Masked<W> {
        Masked {
            out,
            mask: self,
            line: Vec::new(),
        }
    }
}

/// What stands between the quotes of a JSON string.
fn quoted(text: &str) -> String {
    let string = serde_json::Value::from(text).to_string();
    string[1..string.len() - 1].to_owned()
}

/// Writes whole lines, without the secrets in them.
pub struct Masked<W: Write> {
    out: W,
    mask: Mask,
    line: Vec<u8>,
}

impl<W: Write> Masked<W> {
    fn emit(&mut self, end: usize) -> io::Result<()> {
        let whole: Vec<u8> = self.line.drain(..end).collect();
        match std::str::from_utf8(&whole) {
            Ok(text) => self.out.write_all(self.mask.hide(text).as_bytes()),
            Err(_) => self.out.write_all(&whole),
        }
    }
}

impl<W: Write> Write for Masked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.mask.0.is_empty() {
            return self.out.write(bytes);
        }
        self.line.extend_from_slice(bytes);
        if let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') {
            self.emit(end + 1)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.emit(self.line.len())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_in_whatever_pieces_they_come() {
        let secrets = ["abc", "abcdef", "q\"x"].map(str::to_owned);
        let mut out = Vec::new();
        let mut masked = Mask::new(secrets.into_iter()).over(&mut out);
        write!(masked, "1 ab").unwrap();
        write!(masked, "c 2\n3 abcdef").unwrap();
        writeln!(masked, " {}", serde_json::json!("q\"x")).unwrap();
        let inner = serde_json::json!({ "x": "q\"x" }).to_string();
        writeln!(masked, "{}", serde_json::json!(inner)).unwrap();
        write!(masked, "ab").unwrap();
        masked.flush().unwrap();
        drop(masked);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "1 ***** 2\n3 ***** \"*****\"\n\"{\\\"x\\\":\\\"*****\\\"}\"\nab"
        );
    }
}
