//! The password file (<https://www.postgresql.org/docs/current/libpq-pgpass.html>).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::{Environment, Password, PasswordSource, Secret, Target};
use crate::diagnostic::Diagnostic;

/// The password for a target from PGPASSFILE or ~/.pgpass. A file that others can read is not used; that is a warning.
pub(super) fn find(target: &Target, environment: &Environment, warnings: &mut Vec<Diagnostic>) -> Option<Password> {
    let path = environment
        .filled("PGPASSFILE")
        .map(PathBuf::from)
        .or_else(|| environment.home().map(|home| home.join(".pgpass")))?;
    let metadata = fs::metadata(&path).ok()?;
    let shown = path.display().to_string();
    if !metadata.is_file() {
        warnings.push(Diagnostic::warning(
            "password-file",
            format!("the password file {shown} is not a plain file"),
        ));
        return None;
    }
    if metadata.mode() & 0o077 != 0 {
        warnings.push(
            Diagnostic::warning("password-file", format!("the password file {shown} is ignored"))
                .because("others can read it")
                .help(format!("run `chmod 600 {shown}`")),
        );
        return None;
    }
    let text = fs::read_to_string(&path).ok()?;
    // A socket's directory counts as `localhost`, as well as by its own name.
    let hosts = if target.host.starts_with('/') {
        vec![target.host.as_str(), "localhost"]
    } else {
        vec![target.host.as_str()]
    };
    let port = target.port.to_string();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let (fields, password) = split(line)?;
            let [host, file_port, database, user] = fields;
            let fits = |field: &str, value: &str| field == "*" || unescape(field) == value;
            (hosts.iter().any(|name| fits(host, name))
                && fits(file_port, &port)
                && fits(database, &target.dbname)
                && fits(user, &target.user))
            .then(|| unescape(password))
        })
        .filter(|password| !password.is_empty())
        .map(|password| Password {
            secret: Secret::new(password),
            source: PasswordSource::File(shown),
        })
}

/// At the colons that no backslash hides: four fields, and the rest.
fn split(line: &str) -> Option<([&str; 4], &str)> {
    let mut fields = [""; 4];
    let mut rest = line;
    for field in &mut fields {
        let mut escaped = false;
        let end = rest.find(|c| {
            let found = c == ':' && !escaped;
            escaped = c == '\\' && !escaped;
            found
        })?;
        *field = &rest[..end];
        rest = &rest[end + 1..];
    }
    // The password ends at a further colon, as in libpq.
    let mut escaped = false;
    let end = rest.find(|c| {
        let found = c == ':' && !escaped;
        escaped = c == '\\' && !escaped;
        found
    });
    Some((fields, &rest[..end.unwrap_or(rest.len())]))
}

fn unescape(field: &str) -> String {
    let mut plain = String::with_capacity(field.len());
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn found(content: &str, mode: u32, host: &str) -> (Option<String>, usize) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("pgpass");
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
        let environment = [("PGPASSFILE", path.to_str().expect("text"))].into_iter().collect();
        let mut target = Target::local("p", "test");
        host.clone_into(&mut target.host);
        let mut warnings = Vec::new();
        let password = find(&target, &environment, &mut warnings).map(|found| found.secret.reveal().to_owned());
        (password, warnings.len())
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let file = "# note\nother:*:*:*:no\ndb:5432:assay:assay:a\\:b\\\\c\n*:*:*:*:late\n";
        assert_eq!(found(file, 0o600, "db"), (Some("a:b\\c".into()), 0));
        assert_eq!(found(file, 0o600, "elsewhere"), (Some("late".into()), 0));
        assert_eq!(
            found("localhost:5432:*:*:pw", 0o600, "/var/run"),
            (Some("pw".into()), 0)
        );
        assert_eq!(found("short:line", 0o600, "db"), (None, 0));
    }

    #[test]
    fn a_file_open_to_others_is_not_used() {
        assert_eq!(found("*:*:*:*:pw", 0o644, "db"), (None, 1));
    }
}
