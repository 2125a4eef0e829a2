//! Configuration, typed.

use super::*;
use crate::graph::config::layer::tests::settings;

fn typed(value: &Json, flavour: Flavour) -> (TypedConfig, String) {
    let settings = settings(value);
    let custom_names = ["mine".to_owned()];
    let owner = Owner {
        what: "model `m`",
        resource_type: ResourceType::Model,
        flavour,
        custom: &|name| name == "mine",
        custom_names: &custom_names,
    };
    let mut problems = Diagnostics::default();
    let typed = type_config(&settings, &owner, &mut problems);
    (typed, problems.to_string())
}

#[test]
fn what_is_set_is_typed() {
    let (typed, problems) = typed(
        &json!({"materialized": "incremental", "unique_key": "id", "tags": ["a", "b", "a"], "enabled": "True",
            "indexes": [{"columns": "id", "unique": true}], "pre_hook": ["select 1", "{\"sql\": \"vacuum\", \"transaction\": false}", "{% do x() %}"],
            "contract": {"enforced": true}, "on_schema_change": "fail", "access": "public", "grants": {"select": "bi"}}),
        Flavour::Native,
    );
    assert_eq!(problems, "");
    let config = typed.config;
    assert_eq!(config.incremental_strategy, Some(IncrementalStrategy::DeleteInsert));
    assert_eq!(config.tags, ["a", "b"]);
    assert_eq!(config.indexes[0].columns, ["id"]);
    assert_eq!(config.pre_hooks[2].sql, "{% do x() %}");
    assert!(!config.pre_hooks[1].transaction && config.contract_enforced);
    assert_eq!(config.raw["contract"], json!({"enforced": true, "alias_types": true}));
    assert_eq!(config.raw["on_schema_change"], "fail");
    assert_eq!((typed.access, config.grants["select"].len()), (Access::Public, 1));
}

#[test]
fn what_cannot_be_is_named() {
    let (_, problems) = typed(
        &json!({"materialized": "tabel", "enabled": "perhaps", "on_schema_change": "sync", "uniqe_key": "id",
            "indexes": [{"column": "id"}]}),
        Flavour::Native,
    );
    for part in [
        "did you mean `table`?",
        "`enabled` of model `m` takes true or false",
        "`on_schema_change: sync`, which does not exist",
        "did you mean `unique_key`?",
        "`indexes` of model `m` takes mappings",
    ] {
        assert!(problems.contains(part), "{part} is not in:\n{problems}");
    }
    let (_, problems) = typed(&json!({"my_own": 1, "materialized": "clone"}), Flavour::Dbt);
    assert!(
        problems.contains("not supported yet: `materialized: clone`"),
        "{problems}"
    );
    assert_eq!(problems.matches("error").count(), 1, "{problems}");
    let (typed_view, problems) = typed(&json!({"materialized": "materialized_view"}), Flavour::Native);
    assert_eq!(
        (typed_view.config.materialized, problems.as_str()),
        (Materialization::Other, "")
    );
    let (typed, problems) = typed(&json!({"materialized": "mine", "my_own": 1}), Flavour::Native);
    assert_eq!(
        (typed.config.materialized, problems.as_str()),
        (Materialization::Other, "")
    );
}
