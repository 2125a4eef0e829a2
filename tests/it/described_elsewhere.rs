//! Properties of a package for a file that it has switched off: they are about what another package has under that name.

use serde_json::Value as Json;

use super::support::Project;

fn project() -> Project {
    Project::new()
        .write(
            "dbt_project.yml",
            "name: it\nversion: '1.0'\nprofile: it\nseeds:\n  lib: {codes: {+enabled: false}}\n\
             models:\n  lib: {by_project: {+enabled: false}}\n",
        )
        .write("packages.yml", "packages: [{local: lib}]\n")
        .write("seeds/codes.csv", "code,kind\n007,x\n")
        .write("models/by_project.sql", "select 1 as id")
        .write("models/in_file.sql", "select 2 as id")
        .write("lib/dbt_project.yml", "name: lib\nversion: '1.0'\n")
        .write("lib/seeds/codes.csv", "code\n1\n")
        .write("lib/models/by_project.sql", "select 10 as id")
        .write("lib/models/in_file.sql", "{{ config(enabled=false) }} select 20 as id")
        .write("lib/models/alone.sql", "{{ config(enabled=false) }} select 30 as id")
        .write("lib/models/docs.md", "{% docs of_lib %}a text{% enddocs %}")
        .write(
            "lib/models/all.yml",
            "seeds:\n  - name: codes\n    description: Codes\n    config: {column_types: {code: text}}\n    \
             columns: [{name: code, data_tests: [not_null]}]\n\
             models:\n  - {name: by_project, description: \"{{ doc('of_lib') }}\", columns: [{name: id, data_tests: [unique]}]}\n  \
             - {name: in_file, description: In a file, config: {materialized: table}}\n  \
             - {name: alone, description: \"{{ doc('of_lib') }}\", columns: [{name: id, description: \"{{ doc('of_lib') }}\"}]}\n",
        )
}

#[test]
fn it_is_about_the_enabled_one() {
    let project = project();
    project.ok(&["deps"]);
    project.ok(&["build"]);
    assert_eq!(project.psql("select code from dev.codes"), "007");
    let manifest: Json = serde_json::from_str(&project.read("target/manifest.json")).unwrap();
    let field = |id: &str, name: &str| {
        let node = &manifest["nodes"][id];
        let node = if node.is_null() {
            &manifest["disabled"][id][0]
        } else {
            node
        };
        node[name].clone()
    };
    for (id, description, patch) in [
        ("seed.it.codes", "Codes", "lib://models/all.yml"),
        ("seed.lib.codes", "", ""),
        ("model.it.by_project", "a text", "lib://models/all.yml"),
        ("model.lib.by_project", "", ""),
        ("model.it.in_file", "In a file", "lib://models/all.yml"),
        ("model.lib.in_file", "", ""),
        ("model.lib.alone", "{{ doc('of_lib') }}", "lib://models/all.yml"),
    ] {
        assert_eq!(field(id, "description"), description, "{id}");
        assert_eq!(field(id, "patch_path").as_str().unwrap_or_default(), patch, "{id}");
    }
    assert_eq!(field("model.it.in_file", "config")["materialized"], "table");
    assert_eq!(
        field("model.it.by_project", "doc_blocks"),
        serde_json::json!(["doc.lib.of_lib"])
    );
    assert_eq!(field("model.lib.alone", "doc_blocks"), serde_json::json!([]));
    assert_eq!(
        field("model.lib.alone", "columns")["id"]["description"],
        "{{ doc('of_lib') }}"
    );
    let test = manifest["nodes"]
        .as_object()
        .unwrap()
        .values()
        .find(|node| node["column_name"] == "code");
    // dbt names what the test is written below, though it reads the other.
    assert_eq!(test.unwrap()["attached_node"], "seed.lib.codes");
    assert_eq!(
        test.unwrap()["depends_on"]["nodes"],
        serde_json::json!(["seed.it.codes"])
    );
}
