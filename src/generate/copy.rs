//! Rows in the text format of `COPY`, and the JSON inside them.

use std::io::Write as _;

use super::clock::{self, Micros};

/// Rows of one table. Every row ends with `end`.
#[derive(Debug, Default)]
pub struct Rows {
    bytes: Vec<u8>,
    count: u64,
    in_row: bool,
}

impl Rows {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn end(&mut self) {
        self.bytes.push(b'\n');
        self.count += 1;
        self.in_row = false;
    }

    fn field(&mut self) -> &mut Vec<u8> {
        if self.in_row {
            self.bytes.push(b'\t');
        }
        self.in_row = true;
        &mut self.bytes
    }

    pub fn null(&mut self) -> &mut Self {
        self.field().extend_from_slice(b"\\N");
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.escaped(text.as_bytes())
    }

    pub fn maybe(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    pub fn json(&mut self, json: &Json) -> &mut Self {
        self.escaped(&json.bytes)
    }

    pub fn int(&mut self, value: i64) -> &mut Self {
        let _ = write!(self.field(), "{value}");
        self
    }

    /// With exactly so many decimal places.
    pub fn decimal(&mut self, value: f64, places: usize) -> &mut Self {
        let _ = write!(self.field(), "{value:.places$}");
        self
    }

    /// A letter and a number, such as `U1000`.
    pub fn tagged(&mut self, tag: char, number: u64) -> &mut Self {
        let _ = write!(self.field(), "{tag}{number}");
        self
    }

    pub fn uuid(&mut self, id: u128) -> &mut Self {
        write_uuid(self.field(), id);
        self
    }

    pub fn flag(&mut self, value: bool) -> &mut Self {
        self.text(if value { "t" } else { "f" })
    }

    pub fn time(&mut self, moment: Micros) -> &mut Self {
        clock::write_timestamp(self.field(), moment);
        self
    }

    pub fn maybe_time(&mut self, moment: Option<Micros>) -> &mut Self {
        match moment {
            Some(moment) => self.time(moment),
            None => self.null(),
        }
    }

    pub fn date(&mut self, moment: Micros) -> &mut Self {
        clock::write_date(self.field(), moment);
        self
    }

    fn escaped(&mut self, text: &[u8]) -> &mut Self {
        let out = self.field();
        for byte in text {
            match byte {
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\t' => out.extend_from_slice(b"\\t"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                _ => out.push(*byte),
            }
        }
        self
    }
}

fn write_uuid(out: &mut Vec<u8>, id: u128) {
    let mut buffer = uuid::Uuid::encode_buffer();
    out.extend_from_slice(
        uuid::Uuid::from_u128(id)
            .hyphenated()
            .encode_lower(&mut buffer)
            .as_bytes(),
    );
}

/// A JSON document written in order; reused from row to row.
#[derive(Debug, Default)]
pub struct Json {
    bytes: Vec<u8>,
}

impl Json {
    pub fn clear(&mut self) -> &mut Self {
        self.bytes.clear();
        self
    }

    pub fn open(&mut self, bracket: char) -> &mut Self {
        self.comma();
        let _ = write!(self.bytes, "{bracket}");
        self
    }

    pub fn close(&mut self, bracket: char) -> &mut Self {
        let _ = write!(self.bytes, "{bracket}");
        self
    }

    fn comma(&mut self) {
        if !matches!(self.bytes.last(), None | Some(b'{' | b'[' | b':')) {
            self.bytes.push(b',');
        }
    }

    pub fn key(&mut self, key: &str) -> &mut Self {
        self.comma();
        self.quoted(key);
        self.bytes.push(b':');
        self
    }

    pub fn string(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).quoted(value);
        self
    }

    pub fn uuid(&mut self, key: &str, id: u128) -> &mut Self {
        self.key(key).bytes.push(b'"');
        write_uuid(&mut self.bytes, id);
        self.bytes.push(b'"');
        self
    }

    /// A value already written as JSON.
    pub fn raw(&mut self, key: &str, value: std::fmt::Arguments<'_>) -> &mut Self {
        self.key(key);
        let _ = self.bytes.write_fmt(value);
        self
    }

    fn quoted(&mut self, text: &str) {
        self.bytes.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.bytes.extend_from_slice(&[b'\\', byte]),
                0..0x20 => {
                    let _ = write!(self.bytes, "\\u{byte:04x}");
                }
                _ => self.bytes.push(byte),
            }
        }
        self.bytes.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_escaped_as_copy_wants_them() {
        let mut rows = Rows::default();
        rows.text("a\tb\\c\nd")
            .null()
            .int(-3)
            .decimal(0.5, 2)
            .uuid(1)
            .flag(true);
        rows.end();
        assert_eq!(
            std::str::from_utf8(rows.bytes()).unwrap(),
            "a\\tb\\\\c\\nd\t\\N\t-3\t0.50\t00000000-0000-0000-0000-000000000001\tt\n"
        );
        assert_eq!(rows.count(), 1);
    }

    #[test]
    fn json_is_json() {
        let mut json = Json::default();
        json.open('{')
            .string("a\"", "x\\y\n")
            .key("list")
            .open('[')
            .open('{')
            .uuid("id", 7)
            .close('}')
            .open('{')
            .close('}');
        json.close(']').raw("n", format_args!("{}", 5)).close('}');
        let parsed: serde_json::Value = serde_json::from_slice(&json.bytes).unwrap();
        let expected = serde_json::json!({
            "a\"": "x\\y\n", "list": [{"id": "00000000-0000-0000-0000-000000000007"}, {}], "n": 5
        });
        assert_eq!(parsed, expected);
    }
}
