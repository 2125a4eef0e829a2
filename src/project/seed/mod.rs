//! A seed: a CSV file as a table, with types inferred as dbt infers them.

mod kind;
mod value;

use std::path::Path;
use std::sync::Arc;

use csv::{ReaderBuilder, StringRecord};
use indexmap::IndexMap;

pub use kind::SeedKind;

use super::read_text;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, SourceFile};
use crate::sql::{Column, Table};

/// How a file is to be read.
#[derive(Clone, Debug)]
pub struct SeedOptions<'a> {
    pub delimiter: &'a str,
    /// Column name to `PostgreSQL` type; other columns get the type that all of their values fit.
    pub column_types: &'a IndexMap<String, String>,
    /// As dbt reads it: a row may end early, and the columns after its end are empty. A line with nothing on it is such a
    /// row.
    pub lenient: bool,
}

/// What a CSV file holds, ready for `COPY .. FROM STDIN` in the text format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    pub columns: Vec<Column>,
    pub rows: u64,
    pub copy: Vec<u8>,
}

/// How many problems of one file are told; after them the rest is counted.
const TOLD: usize = 20;

impl Seed {
    /// Reads a file; `shown` is its name in messages. Fails with every bad row and value found, each with its row and
    /// column. Rows are counted from 1, the header left out. Lines with nothing on them are skipped but where `lenient`.
    pub fn read(path: &Path, shown: &str, options: &SeedOptions) -> Result<Self, Diagnostics> {
        Self::parse(&read_text(path, shown)?, options)
    }

    /// The columns alone.
    #[must_use]
    pub fn without_rows(self) -> Self {
        Self {
            rows: 0,
            copy: Vec::new(),
            ..self
        }
    }

    /// The same for text that is there already.
    pub fn parse(file: &Arc<SourceFile>, options: &SeedOptions) -> Result<Self, Diagnostics> {
        let &[delimiter @ 0..=0x7f] = options.delimiter.as_bytes() else {
            let message = format!("`{}` cannot separate values", options.delimiter);
            return Err(Diagnostic::error("seed-delimiter", message)
                .at(Place::new(file, 0..0))
                .help("set `delimiter` to a single ASCII character, such as `;`")
                .into());
        };
        let source = Source {
            file,
            delimiter,
            lenient: options.lenient,
        };
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .from_reader(file.text.as_bytes());
        let mut header = reader.headers().cloned().map_err(|error| source.unreadable(&error))?;
        if options.lenient {
            header = named(&header);
        }
        source.check_header(&header)?;
        let records = source.records(&mut reader, &header)?;
        let kinds: Vec<SeedKind> = header
            .iter()
            .enumerate()
            .map(|(index, name)| match options.column_types.get(name) {
                Some(declared) => SeedKind::Declared(declared.clone()),
                None => SeedKind::infer(records.iter().map(|record| &record[index])),
            })
            .collect();
        let copy = source.copy(&header, &records, &kinds)?;
        Ok(Self {
            columns: header
                .iter()
                .zip(&kinds)
                .map(|(name, kind)| Column {
                    name: name.to_owned(),
                    data_type: kind.data_type().to_owned(),
                })
                .collect(),
            rows: records.len() as u64,
            copy,
        })
    }
}

impl Seed {
    /// The same rows as a table of values.
    #[must_use]
    pub fn table(&self) -> Table {
        let text = String::from_utf8_lossy(&self.copy);
        let rows = text
            .split_terminator('\n')
            .map(|line| line.split('\t').map(uncopied).collect())
            .collect();
        Table {
            columns: self.columns.clone(),
            rows,
            ..Table::default()
        }
    }
}

/// A value of COPY's text format.
fn uncopied(cell: &str) -> Option<String> {
    if cell == "\\N" {
        return None;
    }
    let mut value = String::with_capacity(cell.len());
    let mut chars = cell.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                other => value.extend(other),
            },
            (c, false) => value.push(c),
        }
    }
    Some(value)
}

/// As dbt names columns: what has no name by its position, `a` to `z`, then `aa`, `bb`, ..; a name that is taken with a number.
fn named(header: &StringRecord) -> StringRecord {
    let mut names: Vec<String> = Vec::new();
    for (index, written) in header.iter().enumerate() {
        let wanted = if written.is_empty() {
            let letter = char::from(b"abcdefghijklmnopqrstuvwxyz"[index % 26]);
            letter.to_string().repeat(index / 26 + 1)
        } else {
            written.to_owned()
        };
        let mut name = wanted.clone();
        let mut number = 2;
        while names.contains(&name) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        names.push(name);
    }
    names.into()
}

struct Source<'a> {
    file: &'a Arc<SourceFile>,
    delimiter: u8,
    lenient: bool,
}

impl Source<'_> {
    fn unreadable(&self, error: &csv::Error) -> Diagnostic {
        let start = error.position().map_or(0, |position| offset(position.byte()));
        Diagnostic::error("seed-syntax", "this is not a CSV file")
            .at(Place::new(self.file, start..start))
            .because(error.to_string())
    }

    fn check_header(&self, header: &StringRecord) -> Result<(), Diagnostics> {
        let mut problems = Diagnostics::default();
        if header.is_empty() {
            problems.push(
                Diagnostic::error("seed-header", "the file is empty")
                    .at(Place::new(self.file, 0..0))
                    .help("write the names of the columns on the first line"),
            );
        }
        for (index, name) in header.iter().enumerate() {
            let bad = if name.trim().is_empty() {
                format!("column {} has no name", index + 1)
            } else if header.iter().take(index).any(|other| other == name) {
                format!("two columns are called `{name}`")
            } else {
                continue;
            };
            problems.push(
                Diagnostic::error("seed-header", bad)
                    .at(self.field(0, index))
                    .help("give every column a name of its own on the first line"),
            );
        }
        if problems.has_errors() { Err(problems) } else { Ok(()) }
    }

    fn records(
        &self,
        reader: &mut csv::Reader<&[u8]>,
        header: &StringRecord,
    ) -> Result<Vec<StringRecord>, Diagnostics> {
        let width = header.len();
        let mut records = Vec::new();
        let mut problems = Diagnostics::default();
        let mut bad = 0_usize;
        let bytes = self.file.text.as_bytes();
        loop {
            let mut record = StringRecord::new();
            let start = offset(reader.position().byte());
            let more = reader
                .read_record(&mut record)
                .map_err(|error| self.unreadable(&error))?;
            if self.lenient {
                let nothing = StringRecord::from(vec![""; width]);
                records.extend(std::iter::repeat_n(nothing, blank_lines(bytes, start)));
            }
            if !more {
                break;
            }
            while self.lenient && record.len() < width {
                record.push_field("");
            }
            if record.len() != width {
                bad += 1;
                if bad <= TOLD {
                    let row = records.len() + 1;
                    let start = start_of(&record);
                    let place = Place::new(self.file, start..start);
                    problems.push(
                        Diagnostic::error(
                            "seed-ragged",
                            format!(
                                "row {row} has {}, and there are {width} columns",
                                counted(record.len(), "value")
                            ),
                        )
                        .at(place)
                        .because(match header.get(record.len()) {
                            Some(name) => format!("there is nothing for `{name}`"),
                            None => format!("`{}` is the last column", header.get(width - 1).unwrap_or_default()),
                        })
                        .help("put a value that holds the separator or a line end into double quotes"),
                    );
                }
            }
            records.push(record);
        }
        self.finish(problems, bad)?;
        Ok(records)
    }

    fn finish(&self, mut problems: Diagnostics, bad: usize) -> Result<(), Diagnostics> {
        if bad > TOLD {
            problems.push(Diagnostic::error(
                "seed-more",
                format!("{} more of this kind in {}", bad - TOLD, self.file.path),
            ));
        }
        if problems.has_errors() { Err(problems) } else { Ok(()) }
    }

    fn copy(
        &self,
        header: &StringRecord,
        records: &[StringRecord],
        kinds: &[SeedKind],
    ) -> Result<Vec<u8>, Diagnostics> {
        let mut copy = Vec::with_capacity(self.file.text.len());
        let mut problems = Diagnostics::default();
        let mut bad = 0_usize;
        for (row, record) in records.iter().enumerate() {
            for (index, text) in record.iter().enumerate() {
                if index > 0 {
                    copy.push(b'\t');
                }
                match kinds[index].value(text) {
                    Ok(None) => copy.extend_from_slice(b"\\N"),
                    Ok(Some(value)) => value::escape(&value, &mut copy),
                    Err(why) => {
                        bad += 1;
                        if bad <= TOLD {
                            problems.push(
                                Diagnostic::error(
                                    "seed-value",
                                    format!(
                                        "row {}, column `{}`: `{text}` does not fit {}",
                                        row + 1,
                                        &header[index],
                                        kinds[index].data_type()
                                    ),
                                )
                                .at(self.field(start_of(record), index))
                                .because(why)
                                .help("mend the value, or change the type in `column_types`"),
                            );
                        }
                    }
                }
            }
            copy.push(b'\n');
        }
        self.finish(problems, bad)?;
        Ok(copy)
    }

    /// The place of a value in the record that begins at `start`.
    fn field(&self, start: usize, index: usize) -> Place {
        let bytes = self.file.text.as_bytes();
        let mut at = start;
        // A record's position may stand before the line end of the one before it.
        while matches!(bytes.get(at), Some(b'\n' | b'\r')) {
            at += 1;
        }
        let mut field_start = at;
        let mut field = 0;
        let mut quoted = false;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'"' => quoted = !quoted,
                byte if !quoted && (byte == self.delimiter || matches!(byte, b'\n' | b'\r')) => {
                    if field == index || byte != self.delimiter {
                        break;
                    }
                    field += 1;
                    field_start = at + 1;
                }
                _ => {}
            }
            at += 1;
        }
        Place::new(self.file, field_start..at)
    }
}

/// How many lines have nothing on them from a place on, which may stand within the line end of the record before.
fn blank_lines(bytes: &[u8], start: usize) -> usize {
    let end = |at: usize| match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Some(2),
        (Some(b'\r' | b'\n'), _) => Some(1),
        _ => None,
    };
    let within = start > 0 && bytes[start - 1] == b'\r' && bytes.get(start) == Some(&b'\n');
    let mut at = start + usize::from(within);
    let mut count = 0;
    while let Some(length) = end(at) {
        at += length;
        count += 1;
    }
    count
}

fn start_of(record: &StringRecord) -> usize {
    record.position().map_or(0, |position| offset(position.byte()))
}

fn offset(byte: u64) -> usize {
    usize::try_from(byte).unwrap_or(usize::MAX)
}

fn counted(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, column_types: &[(&str, &str)], delimiter: &str) -> Result<Seed, Diagnostics> {
        let column_types = column_types
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()))
            .collect();
        let options = SeedOptions {
            delimiter,
            column_types: &column_types,
            lenient: false,
        };
        Seed::parse(&SourceFile::new("seeds/t.csv", text), &options)
    }

    fn types(seed: &Seed) -> Vec<&str> {
        seed.columns.iter().map(|column| column.data_type.as_str()).collect()
    }

    /// What dbt 1.12 made of the same file on `PostgreSQL` 15, but for `big`, which it refuses.
    #[test]
    fn types_and_values_are_those_that_dbt_makes() {
        let seed = parse(
            "i,big,num,boo,yn,d,ts,frac,tsz,allnull,intnull,usd,comma,exp,pad,zero\n\
             1,99999999999,1.5,true,yes,2020-01-01,2020-01-01 10:00:00,2020-01-01 10:00:00,2020-01-01T10:00:00+02:00,,1,$5,\"1,000\",1e5, 5,2.0\n\
             2,5,2,FALSE,no,,,2020-01-01 10:00:00.5,null,NULL,,6,3,2,6 ,3\n",
            &[],
            ",",
        )
        .unwrap();
        assert_eq!(
            types(&seed),
            [
                "integer",
                "bigint",
                "double precision",
                "boolean",
                "text",
                "date",
                "timestamp without time zone",
                "text",
                "timestamp without time zone",
                "integer",
                "integer",
                "integer",
                "integer",
                "integer",
                "integer",
                "integer"
            ]
        );
        assert_eq!(
            String::from_utf8(seed.copy).unwrap(),
            "1\t99999999999\t1.5\ttrue\tyes\t2020-01-01\t2020-01-01 10:00:00\t2020-01-01 10:00:00\t2020-01-01 08:00:00\t\\N\t1\t5\t1000\t100000\t5\t2\n\
             2\t5\t2\tfalse\tno\t\\N\t\\N\t2020-01-01 10:00:00.5\t\\N\t\\N\t\\N\t6\t3\t2\t6\t3\n"
        );
    }

    #[test]
    fn text_is_escaped_and_quotes_and_separators_obeyed() {
        let seed = parse("\u{feff}a;b\r\n\"x;\ty\";\"l1\nl\\2\"\r\n\r\n", &[], ";").unwrap();
        assert_eq!(String::from_utf8(seed.copy).unwrap(), "x;\\ty\tl1\\nl\\\\2\n");
        assert_eq!((seed.rows, seed.columns[0].name.as_str()), (1, "a"));
    }

    #[test]
    fn ragged_rows_are_named() {
        let shown = parse("a,b\n1,2\n1,2,3\n4\n", &[], ",").unwrap_err().to_string();
        assert!(
            shown.contains("row 2 has 3 values, and there are 2 columns\n  --> seeds/t.csv:3:1"),
            "{shown}"
        );
        assert!(shown.contains("row 3 has 1 value,"), "{shown}");
    }

    #[test]
    fn short_rows_are_filled_where_that_is_asked_for() {
        let options = SeedOptions {
            delimiter: ",",
            column_types: &IndexMap::new(),
            lenient: true,
        };
        let file = SourceFile::new("seeds/t.csv", "a,b,c\n1,2,3\n4\n");
        let seed = Seed::parse(&file, &options).unwrap();
        assert_eq!(String::from_utf8(seed.copy).unwrap(), "1\t2\t3\n4\t\\N\t\\N\n");
        for file in [
            "a,b\n1,2\n\n\n\"x\n\n\",4\n\n",
            "a,b\r\n1,2\r\n\r\n\r\n\"x\n\n\",4\r\n\r\n",
        ] {
            let seed = Seed::parse(&SourceFile::new("seeds/t.csv", file), &options).unwrap();
            // What agate made of the same text.
            let wanted = "1\t2\n\\N\t\\N\n\\N\t\\N\nx\\n\\n\t4\n\\N\t\\N\n";
            assert_eq!(String::from_utf8(seed.copy).unwrap(), wanted, "{file:?}");
        }
        let file = SourceFile::new("seeds/t.csv", "a,b\n1,2,3\n");
        assert!(
            Seed::parse(&file, &options)
                .unwrap_err()
                .to_string()
                .contains("row 1 has 3 values")
        );
    }

    #[test]
    fn columns_without_a_name_or_of_one_name_get_one_where_that_is_asked_for() {
        let options = SeedOptions {
            delimiter: ",",
            column_types: &IndexMap::new(),
            lenient: true,
        };
        let header = format!("id,,id,id_2{}", ",".repeat(24));
        let seed = Seed::parse(&SourceFile::new("seeds/t.csv", format!("{header}\n1\n")), &options).unwrap();
        let names: Vec<&str> = seed.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names[..6], ["id", "b", "id_2", "id_2_2", "e", "f"]);
        assert_eq!(names[25..], ["z", "aa", "bb"]);
    }

    #[test]
    fn headers_are_checked() {
        let shown = parse("a,,a\n1,2,3\n", &[], ",").unwrap_err().to_string();
        assert!(
            shown.contains("column 2 has no name") && shown.contains("two columns are called `a`"),
            "{shown}"
        );
        assert!(
            parse("", &[], ",")
                .unwrap_err()
                .to_string()
                .contains("the file is empty")
        );
    }

    #[test]
    fn values_must_fit_their_declared_types() {
        let shown = parse(
            "id,day,ok,n\n1,2020-02-30,true,1.5\nx,2020-02-28,maybe,1e3\n99999,,,abc\n",
            &[
                ("id", "smallint"),
                ("day", "date"),
                ("ok", "boolean"),
                ("n", "numeric(10,2)"),
            ],
            ",",
        )
        .unwrap_err()
        .to_string();
        for part in [
            "row 1, column `day`: `2020-02-30` does not fit date\n  --> seeds/t.csv:2:3",
            "row 2, column `id`: `x` does not fit smallint",
            "row 2, column `ok`: `maybe` does not fit boolean",
            "row 3, column `id`: `99999` does not fit smallint",
            "row 3, column `n`: `abc` does not fit numeric(10,2)",
        ] {
            assert!(shown.contains(part), "{part} is not in:\n{shown}");
        }
        assert_eq!(shown.matches("error[").count(), 5, "{shown}");
    }

    #[test]
    fn rows_come_back_as_values() {
        let file = SourceFile::new("seeds/a.csv", "id,text\n1,\"a\tb\nc\\d\"\n,\n2,plain\n");
        let types = IndexMap::new();
        let options = SeedOptions {
            delimiter: ",",
            column_types: &types,
            lenient: true,
        };
        let table = Seed::parse(&file, &options).unwrap().table();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            table.rows,
            [
                vec![some("1"), some("a\tb\nc\\d")],
                vec![None, None],
                vec![some("2"), some("plain")]
            ]
        );
    }
}
