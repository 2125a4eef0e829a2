//! A target as a connection string for other clients.

use std::fmt::Write as _;

use crate::project::profile::Target;

/// `postgresql://user@host:port/database?..`, without the password.
#[must_use]
pub fn url(target: &Target) -> String {
    let (user, database) = (encode(&target.user), encode(&target.dbname));
    if target.host.starts_with('/') {
        let directory = encode(&target.host);
        return format!("postgresql://{user}@/{database}?host={directory}&port={}", target.port);
    }
    let host = if target.host.contains(':') {
        format!("[{}]", target.host)
    } else {
        encode(&target.host)
    };
    let mut url = format!(
        "postgresql://{user}@{host}:{}/{database}?sslmode={}",
        target.port,
        target.sslmode.name()
    );
    let files = [
        ("sslcert", &target.sslcert),
        ("sslkey", &target.sslkey),
        ("sslrootcert", &target.sslrootcert),
    ];
    for (name, path) in files {
        if let Some(path) = path {
            let _ = write!(url, "&{name}={}", encode(&path.to_string_lossy()));
        }
    }
    url
}

fn encode(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() || b"/-_.~,".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                let _ = write!(encoded, "%{byte:02X}");
            }
            encoded
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::profile::{Password, PasswordSource, Secret, SslMode};

    #[test]
    fn a_url_has_no_password() {
        let mut target = Target::local("shop", "test");
        "db.example".clone_into(&mut target.host);
        "a b".clone_into(&mut target.user);
        target.sslmode = SslMode::Require;
        target.password = Some(Password {
            secret: Secret::new("hunter2"),
            source: PasswordSource::Variable("PGPASSWORD".into()),
        });
        assert_eq!(url(&target), "postgresql://a%20b@db.example:5432/assay?sslmode=require");
        "/run/pg".clone_into(&mut target.host);
        assert_eq!(url(&target), "postgresql://a%20b@/assay?host=/run/pg&port=5432");
    }
}
