//! Profiles, connection strings and the environment: which server a command would use, and what it says of mistakes.

use std::fs;
use std::path::Path;

use assay::diagnostic::Level;
use assay::project::profile::{Environment, PasswordSource, Request, Resolved, SslMode, TargetKind, resolve};
use serde_json::Map;
use tempfile::TempDir;

fn project(profiles: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    if !profiles.is_empty() {
        fs::write(directory.path().join("profiles.yml"), profiles).expect("written");
    }
    directory
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().copied().collect()
}

fn resolved(project: &Path, target: Option<&str>, variables: &[(&str, &str)]) -> Result<Resolved, String> {
    let vars = Map::new();
    let request = Request {
        project_dir: project,
        profile: Some("shop"),
        target,
        profiles_dir: None,
        threads: None,
        vars: &vars,
    };
    resolve(&request, &environment(variables)).map_err(|errors| errors.to_string())
}

const PROFILES: &str = "\
shop:
  target: dev
  outputs:
    dev: &dev
      type: postgres
      host: \"{{ env_var('DB_HOST', 'db.example') }}\"
      user: me
      password: \"{{ env_var('DBT_ENV_SECRET_PW') }}\"
      port: \"{{ env_var('DB_PORT') | int }}\"
      dbname: shop
      schema: dev_me
      threads: 8
      role: Builder
      search_path: dev_me, public
      sslmode: verify-full
      keepalives_idle: 30
      connect_timeout: 5
      retries: 2
    prod:
      <<: *dev
      schema: prod
      pass: 0042
    mine:
      type: local
      threads: 2
      host: nowhere
";

const SECRETS: [(&str, &str); 2] = [("DBT_ENV_SECRET_PW", "s3cret"), ("DB_PORT", "6543")];

#[test]
fn reads_a_profile_as_dbt_does() {
    let project = project(PROFILES);
    let found = resolved(project.path(), None, &SECRETS).expect("a target");
    assert_eq!(found.warnings.len(), 0);
    let target = found.target;
    assert_eq!(target.address(), "me@db.example:6543/shop");
    assert_eq!(
        (target.name.as_str(), target.schema.as_str(), target.threads),
        ("dev", "dev_me", 8)
    );
    assert_eq!(target.sslmode, SslMode::VerifyFull);
    let password = target.password.as_ref().expect("a password");
    assert_eq!(password.secret.reveal(), "s3cret");
    assert_eq!(password.source, PasswordSource::Profile("profiles.yml:8:17".into()));
    assert!(!format!("{target:?} {}", target.json()).contains("s3cret"));
    insta::assert_json_snapshot!(target.json(), @r#"
    {
      "host": "db.example",
      "port": 6543,
      "user": "me",
      "database": "shop",
      "schema": "dev_me",
      "connect_timeout": 5,
      "role": "Builder",
      "search_path": "dev_me, public",
      "keepalives_idle": 30,
      "sslmode": "verify-full",
      "sslcert": null,
      "sslkey": null,
      "sslrootcert": null,
      "application_name": "assay",
      "autocommit": false,
      "retries": 2,
      "dbname": "shop",
      "type": "postgres",
      "threads": 8,
      "name": "dev",
      "target_name": "dev",
      "profile_name": "shop"
    }
    "#);
}

#[test]
fn another_target_and_merged_keys() {
    let project = project(PROFILES);
    let target = resolved(project.path(), Some("prod"), &SECRETS)
        .expect("a target")
        .target;
    assert_eq!((target.schema.as_str(), target.user.as_str()), ("prod", "me"));
    let local = resolved(project.path(), None, &[("DBT_TARGET", "mine")]).expect("a target");
    assert_eq!((local.target.kind, local.target.threads), (TargetKind::Local, 2));
    assert!(
        local.warnings[0].message.contains("`host` has no effect"),
        "{:?}",
        local.warnings
    );
}

#[test]
fn a_password_of_digits_keeps_its_zeros() {
    let project = project(
        "shop:\n  outputs:\n    default: {type: postgres, host: h, user: u, pass: 0042, dbname: d, schema: s}\n",
    );
    let target = resolved(project.path(), None, &[]).expect("a target").target;
    assert_eq!(target.password.expect("a password").secret.reveal(), "0042");
}

#[test]
fn every_mistake_of_an_output_is_shown_in_its_place() {
    let project = project(
        "shop:\n  target: dev\n  outputs:\n    dev:\n      type: postgres\n      host: \"{{ env_var('NOPE') }}\"\n      \
         user: me\n      port: many\n      dbname: shop\n      sslmode: on\n      threads: 0\n      shcema: x\n",
    );
    let shown = resolved(project.path(), None, &[]).expect_err("mistakes");
    insta::assert_snapshot!(shown, @r#"
error[profile-jinja]: `host` cannot be rendered: the environment variable `NOPE` is not set
  --> profiles.yml:6:13
   6 |       host: "{{ env_var('NOPE') }}"
     |             ^^^^^^^^^^^^^^^^^^^^^^^
  help: set it, or give a default as the second argument
error[wrong-type]: `threads` is a whole number from 1 to 1000
  --> profiles.yml:11:16
   11 |       threads: 0
      |                ^
  help: of an environment variable: `"{{ env_var('NAME') | int }}"`
error[missing-key]: the output has no `schema`
  --> profiles.yml:4:5
   4 |     dev:
     |     ^^^^
  help: add `schema:` to it
error[wrong-type]: `port` is a whole number from 1 to 65535
  --> profiles.yml:8:13
   8 |       port: many
     |             ^^^^
  help: of an environment variable: `"{{ env_var('NAME') | int }}"`
error[wrong-type]: `on` is not an sslmode
  --> profiles.yml:10:16
   10 |       sslmode: on
      |                ^^
  help: one of disable, allow, prefer, require, verify-ca, verify-full
"#);
}

#[test]
fn mistakes_of_names() {
    let project = project(PROFILES);
    let shown = resolved(project.path(), Some("prodd"), &SECRETS).expect_err("no target");
    assert!(
        shown.contains("error[no-target]") && shown.contains("did you mean `prod`?"),
        "{shown}"
    );
    let other = self::project("shopp:\n  outputs: {}\n");
    let shown = resolved(other.path(), None, &[]).expect_err("no profile");
    assert!(
        shown.contains("error[no-profile]") && shown.contains("did you mean `shopp`?"),
        "{shown}"
    );
    let other = self::project("shop:\n  outputs:\n    default:\n      type: snowflake\n");
    let shown = resolved(other.path(), None, &[]).expect_err("not supported");
    assert!(
        shown.contains("profiles.yml:4:13") && shown.contains("`type: snowflake` is not supported"),
        "{shown}"
    );
    let other = self::project("shop: [\n");
    let shown = resolved(other.path(), None, &[]).expect_err("not YAML");
    assert!(
        shown.contains("error[yaml-syntax]") && shown.contains("profiles.yml:"),
        "{shown}"
    );
}

#[test]
fn no_message_shows_a_password() {
    for wrong in [
        "password: [hunter2]",
        "password: @hunter2",
        "pass: 'hunter2",
        "password: hunter2 }",
    ] {
        let project = project(&format!(
            "shop:\n  outputs:\n    default:\n      type: postgres\n      host: h\n      {wrong}\n      port: x\n"
        ));
        let shown = resolved(project.path(), None, &[]).expect_err("wrong");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn unknown_keys_are_warnings() {
    let project = project(
        "shop:\n  outputs:\n    default: {type: postgres, host: h, user: u, dbname: d, schema: s, thread: 3}\n",
    );
    let found = resolved(project.path(), None, &[]).expect("a target");
    assert_eq!(found.warnings.len(), 1);
    assert_eq!(found.warnings[0].level, Level::Warning);
    assert_eq!(found.warnings[0].help.as_deref(), Some("did you mean `threads`?"));
}

#[test]
fn looks_where_dbt_looks() {
    let elsewhere = project(PROFILES);
    let empty = project("");
    let home = tempfile::tempdir().expect("a directory");
    fs::create_dir(home.path().join(".dbt")).expect("created");
    fs::write(
        home.path().join(".dbt/profiles.yml"),
        PROFILES.replace("db.example", "home.example"),
    )
    .expect("written");
    let home = home.path().to_str().expect("text");

    let mut variables = SECRETS.to_vec();
    variables.push(("HOME", home));
    let target = resolved(empty.path(), None, &variables).expect("a target").target;
    assert_eq!(target.host, "home.example");
    variables.push(("DBT_PROFILES_DIR", elsewhere.path().to_str().expect("text")));
    let target = resolved(empty.path(), None, &variables).expect("a target").target;
    assert_eq!(target.host, "db.example");
    let shown = resolved(empty.path(), None, &[("DBT_PROFILES_DIR", "/nonexistent")]).expect_err("no file");
    assert!(shown.contains("DBT_PROFILES_DIR names that directory"), "{shown}");
}

#[test]
fn without_a_profile_the_environment_decides() {
    let empty = project("");
    let target = resolved(empty.path(), None, &[]).expect("a target").target;
    assert_eq!((target.kind, target.dbname.as_str()), (TargetKind::Local, "assay"));

    let url = "postgresql://me:hunter2@db.example/shop?sslmode=require&channel_binding=require";
    let found = resolved(empty.path(), Some("prod"), &[("DATABASE_URL", url), ("PGPORT", "6432")]).expect("a target");
    assert_eq!(
        (found.target.address().as_str(), found.target.name.as_str()),
        ("me@db.example:6432/shop", "prod")
    );
    assert!(found.target.channel_binding_required && found.warnings.is_empty());
    assert!(!format!("{:?}", found.target).contains("hunter2"));

    let target = resolved(
        empty.path(),
        None,
        &[("PGHOST", "h"), ("PGUSER", "u"), ("PGPASSWORD", "p")],
    )
    .expect("ok")
    .target;
    assert_eq!(target.address(), "u@h:5432/u");
    assert_eq!(
        target.password.expect("one").source,
        PasswordSource::Variable("PGPASSWORD".into())
    );

    let shown = resolved(empty.path(), None, &[("DATABASE_URL", "mysql://me:hunter2@db/x")]).expect_err("not ours");
    assert!(
        shown.contains("DATABASE_URL is not a connection string") && !shown.contains("hunter2"),
        "{shown}"
    );
    let shown = resolved(empty.path(), Some("prod"), &[]).expect_err("no such target");
    assert!(shown.contains("there is no target `prod`"), "{shown}");
}

#[test]
fn a_profile_wins_over_a_url() {
    let project = project(PROFILES);
    let mut variables = SECRETS.to_vec();
    variables.push(("DATABASE_URL", "postgresql://other/x"));
    assert_eq!(
        resolved(project.path(), None, &variables)
            .expect("a target")
            .target
            .host,
        "db.example"
    );
}
