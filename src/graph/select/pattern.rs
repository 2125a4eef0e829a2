//! The shell's wildcards over a whole text: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`.

/// Whether a text has wildcards at all.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', ']'])
}

/// Whether the whole text fits the pattern. `*` crosses any character; a `[` that is never closed means itself.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<Piece> = pieces(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on after a `*` that has to take one character more.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Piece::Any) => {
                retry = Some((p, t));
                p += 1;
                continue;
            }
            Some(piece) if piece.takes(text[t]) => {
                p += 1;
                t += 1;
                continue;
            }
            _ => {}
        }
        let Some((star, taken)) = retry else { return false };
        retry = Some((star, taken + 1));
        p = star + 1;
        t = taken + 1;
    }
    pattern[p..].iter().all(|piece| matches!(piece, Piece::Any))
}

enum Piece {
    Any,
    One,
    Exactly(char),
    Class { ranges: Vec<(char, char)>, negated: bool },
}

impl Piece {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Exactly(own) => *own == c,
            Self::Class { ranges, negated } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut found = Vec::with_capacity(chars.len());
    let mut i = 0;
    while i < chars.len() {
        let piece = match chars[i] {
            '*' => Piece::Any,
            '?' => Piece::One,
            '[' => {
                if let Some((class, end)) = class(&chars, i + 1) {
                    i = end;
                    class
                } else {
                    Piece::Exactly('[')
                }
            }
            c => Piece::Exactly(c),
        };
        found.push(piece);
        i += 1;
    }
    found
}

/// The class that begins after a `[`, and where its `]` stands. A `]` that comes first is one of the characters.
fn class(chars: &[char], start: usize) -> Option<(Piece, usize)> {
    let negated = chars.get(start) == Some(&'!');
    let first = start + usize::from(negated);
    let end = (first + 1..chars.len()).find(|i| chars[*i] == ']')?;
    let members = &chars[first..end];
    let mut ranges = Vec::new();
    let mut i = 0;
    while i < members.len() {
        if i + 2 < members.len() && members[i + 1] == '-' {
            ranges.push((members[i], members[i + 2]));
            i += 3;
        } else {
            ranges.push((members[i], members[i]));
            i += 1;
        }
    }
    Some((Piece::Class { ranges, negated }, end))
}

#[cfg(test)]
mod tests {
    use super::matches;

    /// Each checked with Python's `fnmatch.fnmatchcase`, which dbt uses.
    #[test]
    fn as_fnmatch() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("a*c", "abcbc", true),
            ("a*c", "abcb", false),
            ("*a*b*", "xxaxxbxx", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[abc]x", "bx", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[!a-c]x", "dx", true),
            ("[]a]", "]", true),
            ("[", "[", true),
            ("a[b", "a[b", true),
            ("[a-]", "-", true),
            ("A*", "abc", false),
            ("stg_*.sql", "stg_orders.sql", true),
            ("marts.*", "marts.finance.daily", true),
            ("é?", "éé", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
