//! What a snapshot asks of its table and of its configuration.

use minijinja::{Error, State, Value};

use crate::jinja::host::Refusal;
use crate::jinja::value::invalid;

/// Refuses a table that lacks the columns which snapshots keep; `names` are their names, where the project gives others.
pub fn check(columns: &[Value], names: &Value, strategy: &Value) -> Result<(), Error> {
    let there = columns
        .iter()
        .map(|column| column.get_attr("name").map(|name| name.to_string().to_lowercase()))
        .collect::<Result<Vec<_>, _>>()?;
    let attribute = |of: &Value, name: &str| of.get_attr(name).ok().filter(Value::is_true).map(|v| v.to_string());
    let mut wanted = vec!["dbt_scd_id", "dbt_valid_from", "dbt_valid_to"];
    if attribute(strategy, "hard_deletes").as_deref() == Some("new_record") {
        wanted.push("dbt_is_deleted");
    }
    let missing: Vec<String> = wanted
        .into_iter()
        .map(|name| attribute(names, name).unwrap_or_else(|| name.to_owned()))
        .filter(|name| !there.contains(&name.to_lowercase()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(
        "no-snapshot-table",
        format!("the table lacks columns of a snapshot: {}", missing.join(", ")),
    )
    .help("a table that no snapshot made stands in the snapshot's place: rename or drop it")
    .into())
}

/// `adapter.get_hard_deletes_behavior(config)`: `ignore`, `invalidate` or `new_record`.
pub fn hard_deletes(state: &mut State<'_, '_>, config: &Value) -> Result<Value, Error> {
    let mut get = |name: &str| config.call_method(state, "get", &[Value::from(name), Value::from(())]);
    let legacy = get("invalidate_hard_deletes")?;
    let given = get("hard_deletes")?;
    if !legacy.is_none() && !given.is_none() {
        return Err(invalid(
            "a snapshot takes `hard_deletes` or `invalidate_hard_deletes`, not both",
        ));
    }
    match given.as_str() {
        _ if legacy.is_true() => Ok(Value::from("invalidate")),
        Some(choice @ ("ignore" | "invalidate" | "new_record")) => Ok(Value::from(choice)),
        None if given.is_none() => Ok(Value::from("ignore")),
        _ => Err(invalid(format!(
            "hard_deletes: `{given}` is none of ignore, invalidate, new_record"
        ))),
    }
}
