//! The type of a seed's column.

use super::value::{self, Decimal};

/// Inferred from the values as dbt's CSV reader does, or declared in `column_types`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeedKind {
    Integer,
    /// Whole numbers too big for `integer`.
    BigInteger,
    /// Whole numbers too big for `bigint`.
    Numeric,
    Float,
    Date,
    /// `2020-01-31 10:00:00` throughout.
    Timestamp,
    /// `2020-01-31T10:00:00` with or without an offset; what has one becomes UTC.
    IsoTimestamp,
    Boolean,
    Text,
    Declared(String),
}

impl SeedKind {
    /// The first kind that every value fits. A column without any value is `integer`, as in dbt.
    pub fn infer<'a>(values: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut present = values.filter(|text| !value::is_null(text));
        if let Some(kind) = Self::number(present.clone()) {
            return kind;
        }
        for kind in [Self::Date, Self::Timestamp, Self::IsoTimestamp, Self::Boolean] {
            if present.clone().all(|text| kind.value(text).is_ok()) {
                return kind;
            }
        }
        debug_assert!(present.next().is_some(), "a column without values is a number");
        Self::Text
    }

    fn number<'a>(values: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut kind = Self::Integer;
        for text in values {
            let decimal = Decimal::parse_loosely(text)?;
            match decimal.whole() {
                None => kind = Self::Float,
                Some(_) if kind == Self::Float => {}
                Some(whole) => {
                    let needed = match whole.parse::<i64>() {
                        Ok(whole) if i32::try_from(whole).is_ok() => Self::Integer,
                        Ok(_) => Self::BigInteger,
                        Err(_) => Self::Numeric,
                    };
                    if needed == Self::Numeric || kind == Self::Integer {
                        kind = needed;
                    }
                }
            }
        }
        Some(kind)
    }

    /// As `PostgreSQL` writes it.
    pub fn data_type(&self) -> &str {
        match self {
            Self::Integer => "integer",
            Self::BigInteger => "bigint",
            Self::Numeric => "numeric",
            Self::Float => "double precision",
            Self::Date => "date",
            Self::Timestamp | Self::IsoTimestamp => "timestamp without time zone",
            Self::Boolean => "boolean",
            Self::Text => "text",
            Self::Declared(name) => name,
        }
    }

    /// The value as the server is to read it; `None` is NULL. The error says why the text does not fit.
    pub fn value(&self, text: &str) -> Result<Option<String>, String> {
        if value::is_null(text) {
            return Ok(None);
        }
        let unfit = |what: &str| format!("it is not {what}");
        let trimmed = text.trim();
        let fit = match self {
            Self::Integer | Self::BigInteger | Self::Numeric => Decimal::parse_loosely(text)
                .and_then(|decimal| decimal.whole())
                .ok_or_else(|| unfit("a whole number"))?,
            Self::Float => Decimal::parse_loosely(text)
                .ok_or_else(|| unfit("a number"))?
                .to_string(),
            Self::Date => value::date(trimmed).ok_or_else(|| unfit("a date such as 2020-01-31"))?,
            Self::Timestamp => value::timestamp(trimmed).ok_or_else(|| unfit("a time such as 2020-01-31 10:00:00"))?,
            Self::IsoTimestamp => {
                value::iso_timestamp(trimmed).ok_or_else(|| unfit("a time such as 2020-01-31T10:00:00"))?
            }
            Self::Boolean => match trimmed.replace(',', "").to_lowercase().as_str() {
                word @ ("true" | "false") => word.to_owned(),
                _ => return Err(unfit("true or false")),
            },
            Self::Text => text.to_owned(),
            Self::Declared(name) => {
                value::check_declared(name, text)?;
                text.to_owned()
            }
        };
        Ok(Some(fit))
    }
}
