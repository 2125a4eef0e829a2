//! Values of the context, against what dbt 1.12 renders them to.

use serde_json::json;

use super::{Global, Project};
use crate::jinja::{GraphEntries, GraphView};

/// Templates, each with dbt's result on the line below it.
const CASES: &str = include_str!("values.txt");

#[test]
fn values_render_as_in_dbt() {
    let mut wrong = Vec::new();
    for case in CASES.split("\n\n") {
        let (template, expected) = case.trim_end().split_once('\n').expect("two lines");
        let found = Project::new()
            .try_render(template)
            .unwrap_or_else(|error| error.to_string());
        if found != expected {
            wrong.push(format!("{template}\n dbt:  {expected}\n ours: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

struct Two;

impl GraphEntries for Two {
    fn collections(&self) -> Vec<(&'static str, Vec<String>)> {
        vec![
            ("nodes", vec!["model.a".to_owned(), "test.b".to_owned()]),
            ("sources", Vec::new()),
        ]
    }

    fn entry(&self, collection: &str, id: &str) -> serde_json::Value {
        assert_eq!(collection, "nodes");
        json!({ "unique_id": id, "resource_type": id.split('.').next(), "config": { "tags": ["x"], "meta": {} }, "refs": [{ "name": "r" }] })
    }
}

#[test]
fn the_graph_is_read_as_dicts_and_changed_by_nobody_else() {
    let view = GraphView::new(std::sync::Arc::new(Two));
    let render = |template: &str| {
        let mut project = Project::new();
        project
            .globals
            .insert("graph".to_owned(), Global::Graph(std::sync::Arc::clone(&view)));
        project.render(template)
    };
    assert_eq!(
        render(
            "{{ graph.nodes | length }} {{ graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | map(attribute='unique_id') | list }} \
             {{ graph.nodes['test.b'].config.tags }} {{ graph.nodes.get('nope') }} {{ graph['nodes']['nope'] is defined }} {{ 'model.a' in graph.nodes }} \
             {% for id, node in graph.nodes.items() %}{{ id }}={{ node.refs[0].name }} {% endfor %}{{ graph.sources.values() | list }} \
             {{ graph.nodes['model.a'] is mapping }} {{ graph.nodes['model.a'] | tojson }}"
        ),
        "2 ['model.a'] ['x'] None False True model.a=r test.b=r [] True \
         {\"config\": {\"meta\": {}, \"tags\": [\"x\"]}, \"refs\": [{\"name\": \"r\"}], \"resource_type\": \"model\", \"unique_id\": \"model.a\"}"
    );
    // As in dbt: a node is each reader's own, what is put into the graph itself stays.
    let change = "{% set n = graph.nodes['model.a'] %}{% do n.update({'new': 1}) %}{% do n.config.tags.append('y') %}\
                  {% do graph.setdefault('mine', {}).update({'k': 1}) %}{{ n.new }} {{ n.config.tags }}";
    assert_eq!(render(change), "1 ['x', 'y']");
    assert_eq!(
        render("{{ graph.nodes['model.a'].new is defined }} {{ graph.nodes['model.a'].config.tags }} {{ graph.mine }}"),
        "False ['x'] {'k': 1}"
    );
}
