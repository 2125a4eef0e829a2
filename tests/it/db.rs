//! `assay db`, as the library carries it out.

use assay::cli::db::{Action, run};
use assay::postgres::local::tool;
use assay::project::profile::{Target, TargetKind};

use crate::server::Project;

async fn db(project: &Project, target: &Target, action: Action) -> Result<(i32, String), String> {
    let mut out = Vec::new();
    let code = run(project.path(), target, action, &project.options, &mut out, &|_| {}).await;
    let out = String::from_utf8(out).expect("text");
    code.map(|code| (code, out)).map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_server_by_hand() {
    let project = Project::new();
    let target = Target::local("test", "no configuration");
    let (_, shown) = db(&project, &target, Action::Status).await.expect("a status");
    assert!(shown.starts_with("not created yet"), "{shown}");
    let (code, url) = db(&project, &target, Action::Start).await.expect("started");
    assert!(
        code == 0 && url.starts_with("postgresql://assay@/assay?host=/tmp/assay-"),
        "{url}"
    );
    let (_, shown) = db(&project, &target, Action::Status).await.expect("a status");
    assert!(
        shown.starts_with("running (PostgreSQL") && !shown.contains("in use"),
        "{shown}"
    );
    assert_eq!(db(&project, &target, Action::Url).await, Ok((0, url)));
    if tool(&project.options.environment, "psql").is_some() {
        let psql = |sql: &str| Action::Psql(["-X", "-o", "/dev/null", "-c", sql].map(str::to_owned).to_vec());
        assert_eq!(db(&project, &target, psql("select 1")).await, Ok((0, String::new())));
        assert_eq!(db(&project, &target, psql("select 1/0")).await, Ok((1, String::new())));
    }
    assert!(db(&project, &target, Action::Stop { force: false }).await.is_ok());
    let (_, shown) = db(&project, &target, Action::Status).await.expect("a status");
    assert!(shown.starts_with("stopped"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_server_is_not_ours_to_stop() {
    let project = Project::new();
    let mut target = Target::local("test", "DATABASE_URL");
    target.kind = TargetKind::Postgres;
    "db.example".clone_into(&mut target.host);
    let error = db(&project, &target, Action::Stop { force: true })
        .await
        .expect_err("not ours");
    assert!(
        error.contains("error[not-local]") && error.contains("DATABASE_URL"),
        "{error}"
    );
    let (_, url) = db(&project, &target, Action::Url).await.expect("an address");
    assert_eq!(url, "postgresql://assay@db.example:5432/assay?sslmode=disable\n");
}
