//! Connection strings: `postgresql://user:password@host:port/database?sslmode=require` and `host=.. user=..`
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>).

use indexmap::IndexMap;

/// By the names of libpq's parameters; the error never repeats a value.
pub(super) fn parse(text: &str) -> Result<IndexMap<String, String>, String> {
    let text = text.trim();
    match text
        .strip_prefix("postgresql://")
        .or_else(|| text.strip_prefix("postgres://"))
    {
        Some(rest) => parse_url(rest),
        None if text.contains("://") => Err("it must begin with postgresql:// or postgres://".to_owned()),
        None if text.contains('=') => parse_pairs(text),
        None => Err("it is neither a postgresql:// URL nor a list of key=value".to_owned()),
    }
}

fn parse_url(rest: &str) -> Result<IndexMap<String, String>, String> {
    let mut found = IndexMap::new();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (login, hosts),
        None => ("", authority),
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let mut set = |name: &str, value: &str| -> Result<(), String> {
        if !value.is_empty() {
            found.insert(
                name.to_owned(),
                decode(value).ok_or_else(|| format!("its {name} is not well encoded"))?,
            );
        }
        Ok(())
    };
    set("user", user)?;
    set("password", password)?;
    set("dbname", database)?;
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = split_host(host)?;
        names.push(name);
        ports.push(port);
    }
    set("host", &names.join(","))?;
    if ports.iter().any(|port| !port.is_empty()) {
        set("port", &ports.join(","))?;
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or("a parameter after `?` has no `=`")?;
        match name {
            "ssl" if value == "true" => set("sslmode", "require")?,
            _ => set(name, value)?,
        }
    }
    Ok(found)
}

fn split_host(host: &str) -> Result<(&str, &str), String> {
    if let Some(rest) = host.strip_prefix('[') {
        let (name, rest) = rest.split_once(']').ok_or("an IPv6 address lacks its `]`")?;
        return Ok((name, rest.strip_prefix(':').unwrap_or("")));
    }
    Ok(host.split_once(':').unwrap_or((host, "")))
}

/// Percent-encoding; a plus stays a plus.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn parse_pairs(text: &str) -> Result<IndexMap<String, String>, String> {
    let mut found = IndexMap::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(found);
        }
        let (name, after) = rest.split_once('=').ok_or("a word has no `=`")?;
        let (value, after) = pair_value(after.trim_start())?;
        found.insert(name.trim().to_owned(), value);
        rest = after;
    }
}

fn pair_value(text: &str) -> Result<(String, &str), String> {
    let quoted = text.strip_prefix('\'');
    let body = quoted.unwrap_or(text);
    let mut value = String::new();
    let mut chars = body.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted.is_some() => return Ok((value, &body[i + 1..])),
            c if c.is_whitespace() && quoted.is_none() => return Ok((value, &body[i..])),
            c => value.push(c),
        }
    }
    if quoted.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    Ok((value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, String)> {
        parse(text).expect("well formed").into_iter().collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    #[test]
    fn urls() {
        assert_eq!(
            parsed("postgresql://me:p%40ss@db.example:6432/shop?sslmode=verify-full&connect_timeout=3"),
            pairs(&[
                ("user", "me"),
                ("password", "p@ss"),
                ("dbname", "shop"),
                ("host", "db.example"),
                ("port", "6432"),
                ("sslmode", "verify-full"),
                ("connect_timeout", "3")
            ])
        );
        assert_eq!(
            parsed("postgres://[::1]:5433"),
            pairs(&[("host", "::1"), ("port", "5433")])
        );
        assert_eq!(
            parsed("postgres://%2Frun%2Fpg/x"),
            pairs(&[("dbname", "x"), ("host", "/run/pg")])
        );
        assert_eq!(
            parsed("postgres:///x?host=/run/pg"),
            pairs(&[("dbname", "x"), ("host", "/run/pg")])
        );
    }

    #[test]
    fn key_value() {
        assert_eq!(
            parsed(r"host=db user = 'a b' password='it\'s'"),
            pairs(&[("host", "db"), ("user", "a b"), ("password", "it's")])
        );
    }

    #[test]
    fn errors_do_not_repeat_the_text() {
        for wrong in [
            "mysql://me:hunter2@db/x",
            "hunter2",
            "postgres://me:hunter2%zz@db",
            "password='hunter2",
        ] {
            let error = parse(wrong).expect_err("malformed");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
