//! Where one statement ends and the next begins, as PostgreSQL's own client splits text.

/// The statements of a text, without the semicolons between them; empty ones are left out. Quotes, dollar quotes,
/// comments, parentheses and `begin atomic` bodies are respected.
#[must_use]
pub fn statements(sql: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut scan = Scan::new(sql);
    let mut start = 0;
    while let Some(end) = scan.next_end() {
        if scan.saw_token {
            found.push(sql[start..end].trim());
        }
        scan.saw_token = false;
        start = end + 1;
    }
    if scan.saw_token {
        found.push(sql[start..].trim());
    }
    found
}

/// What a text does to the transaction block that surrounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Whether one is open is as before.
    Kept,
    Opened,
    Closed,
}

/// The block's state after all statements succeeded, and whether any of them opened one.
pub(super) fn block(sql: &str) -> (Block, bool) {
    let mut state = Block::Kept;
    let mut opened = false;
    for statement in statements(sql) {
        let mut words = words(statement);
        let first = words.next().unwrap_or_default();
        let second = words.next().unwrap_or_default();
        match first.as_str() {
            "begin" => (state, opened) = (Block::Opened, true),
            "start" if second == "transaction" => (state, opened) = (Block::Opened, true),
            "commit" | "end" | "abort" => state = Block::Closed,
            "prepare" if second == "transaction" => state = Block::Closed,
            "rollback" if !(second == "to" || words.next().is_some_and(|third| third == "to")) => {
                state = Block::Closed;
            }
            _ => {}
        }
    }
    (state, opened)
}

/// Whether a statement of the text ends the transaction block around it.
#[must_use]
pub fn ends_block(sql: &str) -> bool {
    statements(sql)
        .into_iter()
        .any(|statement| block(statement).0 == Block::Closed)
}

/// The words of a statement, in lower case, without its comments.
fn words(statement: &str) -> impl Iterator<Item = String> {
    let mut scan = Scan::new(statement);
    std::iter::from_fn(move || scan.next_word())
}

/// The same, of those that stand in no brackets.
pub(super) fn depth_zero_words(statement: &str) -> Vec<String> {
    let mut scan = Scan::new(statement);
    let mut found = Vec::new();
    while let Some(word) = scan.next_word() {
        if scan.parentheses == 0 {
            found.push(word);
        }
    }
    found
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    saw_token: bool,
    parentheses: usize,
    /// How many `begin atomic` and `case` wait for their `end`.
    bodies: usize,
    previous: String,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            saw_token: false,
            parentheses: 0,
            bodies: 0,
            previous: String::new(),
        }
    }

    fn next_end(&mut self) -> Option<usize> {
        loop {
            self.skip_blank();
            let next = self.text[self.at..].chars().next()?;
            if next == ';' && self.parentheses == 0 && self.bodies == 0 {
                self.at += 1;
                self.previous.clear();
                return Some(self.at - 1);
            }
            self.saw_token = true;
            if is_word_start(next) {
                self.word();
            } else {
                self.step(next);
            }
        }
    }

    fn next_word(&mut self) -> Option<String> {
        loop {
            self.skip_blank();
            let next = self.text[self.at..].chars().next()?;
            if is_word_start(next) {
                return Some(self.word());
            }
            self.step(next);
        }
    }

    fn word(&mut self) -> String {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !(is_word_start(c) || c.is_ascii_digit() || c == '$'))
            .unwrap_or(rest.len());
        let word = rest[..end].to_lowercase();
        self.at += end;
        if word == "e" && self.text[self.at..].starts_with('\'') {
            self.quoted('\'', true);
        }
        match word.as_str() {
            "atomic" if self.previous == "begin" => self.bodies += 1,
            "case" if self.bodies > 0 => self.bodies += 1,
            "end" => self.bodies = self.bodies.saturating_sub(1),
            _ => {}
        }
        self.previous.clone_from(&word);
        word
    }

    /// Past one token that is not a word.
    fn step(&mut self, next: char) {
        self.previous.clear();
        match next {
            '\'' | '"' => self.quoted(next, false),
            '$' => self.dollar(),
            '(' => {
                self.parentheses += 1;
                self.at += 1;
            }
            ')' => {
                self.parentheses = self.parentheses.saturating_sub(1);
                self.at += 1;
            }
            _ => self.at += next.len_utf8(),
        }
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("--") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                self.at += comment_length(trimmed);
            } else {
                return;
            }
        }
    }

    fn quoted(&mut self, quote: char, backslashes: bool) {
        let mut chars = self.text[self.at + 1..].char_indices();
        let start = self.at + 1;
        self.at = self.text.len();
        while let Some((i, c)) = chars.next() {
            if c == '\\' && backslashes {
                chars.next();
            } else if c == quote {
                self.at = start + i + 1;
                return;
            }
        }
    }

    fn dollar(&mut self) {
        let rest = &self.text[self.at..];
        let tag = rest[1..].find('$').map(|end| &rest[..end + 2]);
        match tag {
            Some(tag) if is_tag(&tag[1..tag.len() - 1]) => {
                let body = self.at + tag.len();
                self.at = self.text[body..]
                    .find(tag)
                    .map_or(self.text.len(), |end| body + end + tag.len());
            }
            _ => self.at += 1,
        }
    }
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_tag(tag: &str) -> bool {
    !tag.starts_with(|c: char| c.is_ascii_digit()) && tag.chars().all(|c| is_word_start(c) || c.is_ascii_digit())
}

/// Of a block comment, which may hold others.
fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_end_a_transaction() {
        for sql in [
            "COMMIT;",
            "select 1;\nend\n;",
            "rollback and chain",
            "prepare transaction 'a'",
            "/* flush */ commit",
            "-- done\ncommit",
            "commit; begin",
        ] {
            assert!(ends_block(sql), "{sql}");
        }
        for sql in [
            "select 'commit;'",
            "rollback to savepoint a",
            "do $$ begin end; $$",
            "prepare p as select 1",
        ] {
            assert!(!ends_block(sql), "{sql}");
        }
    }

    #[test]
    fn splits_where_psql_splits() {
        assert_eq!(statements("select 1; select 2"), ["select 1", "select 2"]);
        assert_eq!(statements(" ; -- nothing ; here\n ;"), Vec::<&str>::new());
        assert_eq!(statements("select ';', E'\\';', \"a;b\" -- x; y\n; s2").len(), 2);
        assert_eq!(statements("do $x$ begin; $$ ; end $x$; s2").len(), 2);
        assert_eq!(statements("select $1; s2").len(), 2);
        assert_eq!(statements("/* a; /* b; */ c; */ select 1").len(), 1);
        assert_eq!(statements("create rule r as on insert to t do also (s1; s2)").len(), 1);
        assert_eq!(
            statements("create function f() begin atomic select case when a then b end; select 2; end; s2").len(),
            2
        );
        assert_eq!(statements("sélect 'é'; s2"), ["sélect 'é'", "s2"]);
    }

    #[test]
    fn sees_transaction_blocks() {
        assert_eq!(block("BEGIN; insert into t values (1)"), (Block::Opened, true));
        assert_eq!(block("begin; insert into t values (1); commit"), (Block::Closed, true));
        assert_eq!(block("select 'begin'"), (Block::Kept, false));
        assert_eq!(block("rollback to savepoint a"), (Block::Kept, false));
        assert_eq!(block("rollback work to a"), (Block::Kept, false));
        assert_eq!(block("/* x */ rollback"), (Block::Closed, false));
    }
}
