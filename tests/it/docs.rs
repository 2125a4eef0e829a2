//! The catalogue is dbt's, and the site shows what the project, the database and the last results say.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};

use serde_json::{Value as Json, json};

use super::support::Project;

/// What dbt 1.12 wrote for the fixture `till`, by command, with the database's name replaced.
const RECORD: &str = include_str!("fixtures/till_catalog.json");

/// The fixture, built but for one model.
fn till() -> Project {
    let project = Project::copy_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/till"));
    project.psql(&project.read("before.sql"));
    project.ok(&["build", "--exclude", "not_built"]);
    project
}

fn json_of(project: &Project, path: &str) -> Json {
    serde_json::from_str(&project.read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What the page knows.
fn data(project: &Project) -> Json {
    let page = project.read("target/index.html");
    let start = r#"<script type="application/json" id="data">"#;
    let data = page.split(start).nth(1).expect("data").split("</script>").next();
    serde_json::from_str(data.expect("its end")).expect("JSON")
}

fn node<'d>(data: &'d Json, id: &str) -> &'d Json {
    let nodes = data["nodes"].as_array().expect("nodes");
    let found = nodes.iter().find(|node| node["id"] == id);
    found.unwrap_or_else(|| panic!("the page has no {id}"))
}

#[test]
fn the_catalog_is_dbts() {
    let project = till();
    let record: Json = serde_json::from_str(RECORD).expect("the record");
    let catalog = |command: &str| {
        let typed: Vec<&str> = command.split(' ').collect();
        project.ok(&typed);
        let text = project.read("target/catalog.json");
        let name = format!("\"database\":\"{}\"", project.database.name);
        let mut catalog: Json =
            serde_json::from_str(&text.replace(&name, "\"database\":\"<database>\"")).expect("JSON");
        let metadata = catalog
            .as_object_mut()
            .and_then(|all| all.remove("metadata"))
            .expect("metadata");
        assert_eq!(
            metadata["dbt_schema_version"],
            "https://schemas.getdbt.com/dbt/catalog/v1.json"
        );
        catalog
    };
    for (command, expected) in record.as_object().expect("commands") {
        assert_eq!(&catalog(command), expected, "{command}");
    }
    // As dbt, which asks for whole schemas then, and finds the same.
    assert_eq!(catalog("docs generate --no-compile"), record["docs generate"]);
}

#[test]
fn a_project_may_have_its_own_catalog() {
    let own = "{% macro postgres__get_catalog_relations(information_schema, relations) %}
        {%- call statement('catalog', fetch_result=true) -%}
            {%- for relation in relations %}
            select '{{ information_schema.database }}' as table_database, '{{ relation.schema }}' as table_schema,
                '{{ relation.identifier }}' as table_name, 'BASE TABLE' as table_type, 'told' as table_comment,
                'it' as table_owner, 'only' as column_name, 7.0 as column_index, 'text' as column_type,
                null as column_comment, 'Answer' as \"stats:answer:label\", 42 as \"stats:answer:value\",
                'all' as \"stats:answer:description\", true as \"stats:answer:include\"
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        {%- endcall -%}
        {{ return(load_result('catalog').table) }}
    {% endmacro %}
    {% macro get_catalog(information_schema, schemas) %}
        {{ exceptions.raise_compiler_error('no ' ~ schemas[0]) }}
    {% endmacro %}";
    let project = Project::with(&[("models/one.sql", "select 1 as one"), ("macros/catalog.sql", own)]);
    project.ok(&["docs", "generate"]);
    let catalog = json_of(&project, "target/catalog.json");
    let one = &catalog["nodes"]["model.it.one"];
    assert_eq!(one["columns"]["only"]["index"], json!(7));
    assert_eq!(
        one["stats"],
        json!({
            "answer": {"id": "answer", "label": "Answer", "value": 42, "include": true, "description": "all"},
            "has_stats": {"id": "has_stats", "label": "Has Stats?", "value": true, "include": false,
                          "description": "Indicates whether there are statistics for this table"},
        })
    );
    // A macro that fails is told of, and the rest is written.
    let failed = project.ends(1, &["docs", "generate", "--no-compile"]);
    assert!(failed.stderr.contains("no dev"), "{}", failed.stderr);
    let catalog = json_of(&project, "target/catalog.json");
    assert_eq!(catalog["nodes"], json!({}));
    assert!(
        catalog["errors"][0]
            .as_str()
            .is_some_and(|text| text.contains("no dev")),
        "{catalog}"
    );
}

#[test]
fn the_page_knows_the_last_results() {
    let project = till();
    project
        .psql("update landing.orders set status = 'lost' where id = 3; grant select on dev.\"Orders_paid\" to public");
    project.ends(1, &["test"]);
    project.ok(&["docs", "generate", "--static"]);
    // Looking at the project does not make its results forgotten.
    assert_eq!(json_of(&project, "target/run_results.json")["args"]["which"], "test");
    assert_eq!(
        project.read("target/static_index.html"),
        project.read("target/index.html")
    );
    assert!(project.read("target/assets/logo.svg").contains("circle"));
    let manifest = json_of(&project, "target/manifest.json");
    let compiled = manifest["nodes"]["model.till.sizes"]["compiled_code"]
        .as_str()
        .unwrap_or_default();
    assert!(
        compiled.contains("__dbt__cte__halves") && compiled.contains("then 'big'"),
        "{compiled}"
    );

    let data = data(&project);
    let result = |name: &str| {
        let nodes = data["nodes"].as_array().expect("nodes");
        let test = nodes.iter().find(|node| node["kind"] == "test" && node["name"] == name);
        let result = &test.unwrap_or_else(|| panic!("no test {name}"))["result"];
        (result["status"].clone(), result["failures"].clone())
    };
    assert_eq!(result("not_null_stg_orders_order_id"), (json!("pass"), json!(0)));
    assert_eq!(
        result("accepted_values_stg_orders_status__placed__shipped"),
        (json!("fail"), json!(1))
    );
    let paid = node(&data, "model.till.Orders_paid");
    assert_eq!(paid["granted"], json!({"public": ["select"]}));
    assert_eq!(paid["parents"], json!(["model.till.stg_orders", "seed.till.payments"]));
    let lineage = &node(&data, "model.till.stg_orders")["lineage"];
    assert_eq!(lineage["order_id"], json!([["source.till.shop.orders", "id"]]));
    assert_eq!(
        node(&data, "model.till.sizes")["lineage"],
        json!({"order_id": [["model.till.Orders_paid", "order_id"]]})
    );
    assert_eq!(paid["columns"][2], json!({"name": "Payments made", "type": "integer"}));
    let orders = node(&data, "source.till.shop.orders");
    assert_eq!(
        orders["columns"][3],
        json!({"name": "never_there", "description": "Described, and not in the table", "absent": true})
    );
    assert_eq!(orders["columns"][1]["type"], "character varying(20)");
    assert_eq!(node(&data, "model.till.sizes")["macros"], json!(["macro.till.size"]));
    assert_eq!(
        node(&data, "macro.till.size")["arguments"][0]["description"],
        "The column with the amount"
    );
}

#[test]
fn the_page_knows_the_certificates() {
    let properties = "models:\n  - name: fact\n    access: public\n    columns:\n      - name: id\n        data_tests:\n          - unique\n          - accepted_values: {arguments: {values: [1], quote: false}, config: {severity: warn}}\n";
    let project = Project::new()
        .write(
            "project.yml",
            "name: it\nprofile: it\ngate:\n  schema: analytics\n  readers: []\n  keep: 2\n",
        )
        .write("models/schema.yml", properties)
        .write(
            "models/fact.sql",
            "{{ config(materialized='table') }} select * from (values (1), (2)) as v (id)",
        );
    // Before anything is published there is nothing to show.
    project.ok(&["docs", "generate"]);
    assert_eq!(node(&data(&project), "model.it.fact")["certificate"], Json::Null);
    project.ok(&["build"]);
    project.ok(&["docs", "generate"]);
    let data = data(&project);
    let certificate = &node(&data, "model.it.fact")["certificate"];
    let told = ["tests_passed", "tests_warned", "rows", "scope"].map(|key| &certificate[key]);
    assert_eq!(json!(told), json!([1, 1, 2, "version"]));
    assert!(
        certificate["version"]
            .as_str()
            .is_some_and(|name| name.starts_with("fact__"))
    );
    assert_eq!(node(&data, "model.it.fact")["stored_as"], "VIEW");
}

/// `docs serve`, stopped when it goes out of scope.
struct Serving {
    child: Child,
    port: u16,
}

impl Serving {
    fn start(project: &Project) -> Self {
        let mut child = project.spawn(&["docs", "serve", "--port", "0", "--no-browser"]);
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let address = line.split("http://localhost:").nth(1)?;
            address.trim().parse().ok()
        });
        // Nobody reads on; what it says after that must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            port: port.expect("the address"),
        }
    }

    fn answer(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream
            .write_all(format!("{request}\r\nHost: localhost\r\n\r\n").as_bytes())
            .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn serves_the_target_folder_and_nothing_else() {
    let project = Project::with(&[("models/one.sql", "select 1 as one")]);
    let none = project.ends(2, &["docs", "serve", "--no-browser"]);
    assert!(none.stderr.contains("error[no-docs]"), "{}", none.stderr);
    project.ok(&["docs", "generate"]);
    let mut serving = Serving::start(&project);
    let page = serving.answer("GET / HTTP/1.1");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"), "{page}");
    assert!(page.contains("model.it.one"));
    assert!(
        serving
            .answer("GET /catalog.json?x=1 HTTP/1.1")
            .contains("application/json")
    );
    let head = serving.answer("HEAD /index.html HTTP/1.1");
    assert!(
        head.starts_with("HTTP/1.1 200 OK") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    for path in [
        "/../profiles.yml",
        "/%2e%2e/profiles.yml",
        "/..%2Fprofiles.yml",
        "//etc/passwd",
        "/nothing",
    ] {
        let answer = serving.answer(&format!("GET {path} HTTP/1.1"));
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    assert!(serving.answer("POST / HTTP/1.1").starts_with("HTTP/1.1 405"));

    let taken = project.ends(
        2,
        &["docs", "serve", "--no-browser", "--port", &serving.port.to_string()],
    );
    assert!(
        taken.stderr.contains("error[cannot-listen]") && taken.stderr.contains("another program"),
        "{}",
        taken.stderr
    );

    let interrupted = Command::new("kill")
        .args(["-INT", &serving.child.id().to_string()])
        .status();
    assert!(interrupted.expect("kill runs").success());
    assert_eq!(serving.child.wait().expect("it ends").code(), Some(0));
}

/// Chromium as Debian, macOS and others install it.
fn chromium() -> Option<&'static str> {
    let programs = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ];
    programs.into_iter().find(|program| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    })
}

/// What a browser makes of a page of the site: the inside of its `<main>`, the console having said nothing.
fn shown(chromium: &str, project: &Project, page: &str) -> String {
    let profile = tempfile::tempdir().expect("a folder");
    let output = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--dump-dom",
        ])
        .arg("--virtual-time-budget=3000")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!(
            "file://{}#!/{page}",
            project.path().join("target/index.html").display()
        ))
        .output()
        .expect("chromium runs");
    let told = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<&str> = told.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(complaints.is_empty(), "{page}: {complaints:?}");
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let main = dom.split("<main").nth(1).and_then(|rest| rest.split("</main>").next());
    main.unwrap_or_else(|| panic!("{page}: no page\n{dom}\n{told}"))
        .to_owned()
}

/// The text of what a page shows, without its markup.
fn read_aloud(html: &str) -> String {
    let text = html
        .split('<')
        .map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    text.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("|")
}

#[test]
fn a_browser_shows_the_pages() {
    let Some(chromium) = chromium() else {
        eprintln!("skipped: no Chromium is installed, so nothing looked at the pages");
        return;
    };
    let project = till();
    project.ok(&["docs", "generate"]);
    let show = |page: &str| shown(chromium, &project, page);
    let model = show("model/model.till.Orders_paid");
    for shown in [
        "</span>Orders_paid</h1>",
        "Sums by <strong>method</strong>",
        "<td class=\"type\">numeric(10,2)</td>",
        "Which <em>order</em>",
        "mark s-good",
        "href=\"#!/model/model.till.stg_orders\"",
        "<span class=\"t-keyword\">group</span>",
        "&lt;script&gt;window.injected = true&lt;/script&gt;",
        "class=\"node k-model focus\"",
    ] {
        assert!(model.contains(shown), "{shown} is not in\n{model}");
    }
    for harmful in ["<script", "<img", "href=\"javascript"] {
        assert!(!model.contains(harmful), "{harmful} is in\n{model}");
    }
    let graph = show("graph/%2BOrders_paid%2B1");
    assert!(
        graph.contains("6 of 10") && !graph.contains("orders_history"),
        "{graph}"
    );
    assert_eq!(graph.matches("class=\"edge\"").count(), 6, "{graph}");
    assert!(show("overview").contains("8 passed, 0 warned, 0 failed, 0 not run."));
    assert!(show("source/source.till.shop.orders").contains("Orders <strong>as they land</strong>."));
    assert!(show("model/model.till.gone").contains("Nothing is here"));
}

#[test]
fn a_browser_shows_how_old_things_are_and_how_tests_ended() {
    let Some(chromium) = chromium() else {
        eprintln!("skipped: no Chromium is installed, so nothing looked at the pages");
        return;
    };
    let project = Project::new()
        .write(
            "project.yml",
            "name: it\nprofile: it\ngate:\n  schema: analytics\n  readers: []\n  keep: 2\n  certify_within: {count: 2, period: hour}\n",
        )
        .write(
            "models/schema.yml",
            "sources:\n  - name: raw\n    config:\n      loaded_at_field: loaded_at\n      freshness: {warn_after: {count: 1, period: hour}, error_after: {count: 2, period: day}}\n    \
             tables: [{name: orders}]\nmodels:\n  - name: fact\n    access: public\n    columns:\n      - name: id\n        data_tests:\n          - unique\n          \
             - accepted_values: {arguments: {values: [1], quote: false}, config: {severity: warn}}\n",
        )
        .write(
            "models/fact.sql",
            "{{ config(materialized='table') }} select id, '{{ var('as_of') }}'::text as at from {{ source('raw', 'orders') }}",
        );
    project.psql(
        "create schema raw; create table raw.orders as select n as id, now() - interval '5 hours' as loaded_at from generate_series(1, 3) n",
    );
    project.ok(&["source", "freshness"]);
    project.ok(&["build"]);
    project.ok(&["docs", "generate"]);
    let read = |page: &str| read_aloud(&shown(chromium, &project, page));

    let source = read("source/source.it.raw.orders");
    for told in [
        "Freshness|State|warn|Newest row|",
        "Loaded at|loaded_at|",
        "Warns after|1 hour|Fails after|2 days|",
    ] {
        assert!(source.contains(told), "{told} is not in\n{source}");
    }
    let model = read("model/model.it.fact");
    for told in [
        "Certified|Version|fact__",
        "Tests|1 passed, 1 warned|",
        "Warnings|accepted_values_fact_id__False__1| data test|",
        "|: 2 rows|",
        "Rows|3|",
        "Data as of|",
        "Holds until|",
        "Sources|warn| raw.orders, newest row |",
        "quote: false)| 2 rows|",
    ] {
        assert!(model.contains(told), "{told} is not in\n{model}");
    }
    assert!(!model.contains("expired"), "{model}");
    let test = project.ok(&[
        "ls",
        "--resource-type",
        "test",
        "--output",
        "json",
        "--output-keys",
        "unique_id",
    ]);
    let warned = test
        .stdout
        .lines()
        .find(|line| line.contains("accepted_values"))
        .expect("the test");
    let id = serde_json::from_str::<Json>(warned).expect("JSON")["unique_id"].clone();
    let page = read(&format!("test/{}", id.as_str().expect("an id")));
    assert!(page.contains("warn, 2 rows"), "{page}");
    assert!(read("overview").contains("1 passed, 1 warned, 0 failed, 0 not run."));

    // What has expired is said to have; a source that has become too old is an error of its page.
    project.psql("update assay.certificates set expires_at = now() - interval '1 minute'; update raw.orders set loaded_at = now() - interval '3 days'");
    project.ends(1, &["source", "freshness"]);
    project.ok(&["docs", "generate"]);
    let model = read("model/model.it.fact");
    assert!(model.contains("| expired|"), "{model}");
    let source = read("source/source.it.raw.orders");
    assert!(source.contains("Freshness|State|error|"), "{source}");
}
