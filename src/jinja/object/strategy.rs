//! Incremental strategies by name.

use minijinja::{Error, Value};

use crate::jinja::host::Refusal;
use crate::jinja::value::PyList;

/// Those that PostgreSQL has.
pub const VALID: [&str; 4] = ["append", "delete+insert", "merge", "microbatch"];

/// Those that some database has.
pub const BUILTIN: [&str; 5] = ["append", "delete+insert", "merge", "insert_overwrite", "microbatch"];

pub fn list(names: &[&str]) -> Value {
    names.iter().map(|name| Value::from(*name)).collect::<PyList>().into()
}

/// `adapter.get_incremental_strategy_macro(context, name)`
pub fn find(context: &Value, name: Option<&str>) -> Result<Value, Error> {
    let name = name.unwrap_or("default");
    if BUILTIN.contains(&name) && !VALID.contains(&name) {
        return Err(Refusal::new(
            "incremental-strategy",
            format!("the incremental strategy `{name}` is not available on PostgreSQL"),
        )
        .help(format!("PostgreSQL has {}", VALID.join(", ")))
        .into());
    }
    let wanted = format!("get_incremental_{}_sql", name.replace('+', "_"));
    let found = context.get_attr(&wanted).ok().filter(|v| !v.is_undefined());
    found.ok_or_else(|| {
        Refusal::new(
            "incremental-strategy",
            format!("the incremental strategy `{name}` wants a macro `{wanted}`, which there is not"),
        )
        .help(format!("define `{wanted}`, or use one of {}", VALID.join(", ")))
        .into()
    })
}
