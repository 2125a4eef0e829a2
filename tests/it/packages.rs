//! `deps`: resolving, locking and installing packages, from a hub, repositories, archives and folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::support::{Hub, Project, archive};

fn hub() -> Hub {
    Hub::new(&[
        ("acme/base", "0.9.0", json!([])),
        ("acme/base", "1.0.0", json!([])),
        ("acme/base", "1.1.0", json!([])),
        ("acme/base", "2.0.0", json!([])),
        ("acme/base", "2.1.0-rc.1", json!([])),
        (
            "acme/tools",
            "0.1.0",
            json!([{"package": "acme/base", "version": [">=0.9.0", "<2.0.0"]}]),
        ),
        (
            "acme/tools",
            "0.2.0",
            json!([{"package": "acme/base", "version": "1.1.0"}]),
        ),
        (
            "acme/both",
            "1.0.0",
            json!([{"package": "acme/tools", "version": "0.2.0"}, {"package": "acme/base", "version": ">=2.0.0"}]),
        ),
    ])
}

fn project(hub: &Hub, packages: &str) -> Project {
    Project::new()
        .write("dbt_project.yml", "name: it\nprofile: it\n")
        .write("packages.yml", packages)
        .env("DBT_PACKAGE_HUB_URL", &hub.url)
        .env("NO_PROXY", "*")
}

/// Paths below a folder with the texts of their files; links to folders are told, not followed.
fn tree(folder: &Path) -> Vec<String> {
    let mut found: Vec<String> = walkdir::WalkDir::new(folder)
        .min_depth(1)
        .into_iter()
        .filter_entry(|entry| entry.file_name() != ".git" && entry.file_name() != ".package-lock.yml")
        .flatten()
        .filter(|entry| !entry.file_type().is_dir())
        .map(|entry| {
            let path = entry.path().strip_prefix(folder).expect("below").display().to_string();
            let kind = if entry.path_is_symlink() { " ->" } else { "" };
            format!("{path}{kind}")
        })
        .collect();
    found.sort();
    found
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=it",
            "-c",
            "user.email=it@example.com",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A repository with a tag `v1`, a branch `dev`, and a second project in `sub/inner`.
fn repository(project: &Project) -> PathBuf {
    let folder = project.path().join("elsewhere");
    project.put("elsewhere/dbt_project.yml", "name: gitty\n");
    project.put("elsewhere/models/g.sql", "select 1 as one");
    project.put("elsewhere/sub/inner/dbt_project.yml", "name: subby\n");
    git(&folder, &["init", "-q"]);
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "first"]);
    git(&folder, &["tag", "v1"]);
    project.put("elsewhere/models/g.sql", "select 2 as two");
    git(&folder, &["commit", "-qam", "second"]);
    git(&folder, &["checkout", "-qb", "dev"]);
    project.put("elsewhere/models/h.sql", "select 3 as three");
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "third"]);
    git(&folder, &["checkout", "-q", "main"]);
    folder
}

const MIXED: &str = "\
packages:
  - package: acme/tools
    version: [\">=0.1.0\", \"<0.3.0\"]
  - package: acme/base
    version: [\">=1.0.0\", \"<2.0.0\"]
  - local: ./parts/loc
";

/// What dbt 1.12.6 wrote for the same project and the same hub.
const MIXED_LOCK: &str = "\
packages:
  - name: tools
    package: acme/tools
    version: 0.2.0
  - name: base
    package: acme/base
    version: 1.1.0
  - local: ./parts/loc
    name: loc
sha1_hash: 41e12efa9a57248fc8336709dcb17da40eadc067
";

fn mixed(hub: &Hub) -> Project {
    project(hub, MIXED)
        .write("parts/loc/dbt_project.yml", "name: loc\n")
        .write(
            "parts/loc/packages.yml",
            "packages:\n  - package: acme/base\n    version: \">=1.0.0\"\n",
        )
}

#[test]
fn the_lock_and_the_folder_are_those_of_dbt() {
    let hub = hub();
    let project = mixed(&hub);
    project.ok(&["deps"]);
    assert_eq!(project.read("package-lock.yml"), MIXED_LOCK);
    assert_eq!(
        tree(&project.path().join("dbt_packages")),
        [
            "base/dbt_project.yml",
            "base/macros/m.sql",
            "loc ->",
            "tools/dbt_project.yml",
            "tools/macros/m.sql"
        ]
    );
    assert_eq!(
        fs::read_link(project.path().join("dbt_packages/loc")).expect("a link"),
        project.path().canonicalize().expect("a path").join("parts/loc")
    );
    assert!(project.read("dbt_packages/base/dbt_project.yml").contains("1.1.0"));
    project.ok(&["parse"]);
}

#[test]
fn what_is_installed_needs_no_network() {
    let hub = hub();
    let project = mixed(&hub);
    project.ok(&["deps"]);
    let asked = hub.asked();
    hub.close();
    let again = project.ok(&["deps"]);
    assert!(
        again
            .stderr
            .contains("3 packages are installed as package-lock.yml says"),
        "{}",
        again.stderr
    );
    assert_eq!(hub.asked(), asked);
    // What is not there any more has to be fetched; what was there before stays.
    fs::remove_dir_all(project.path().join("dbt_packages/tools")).expect("removed");
    let failed = project.ends(2, &["deps"]);
    assert!(failed.stderr.contains("package-download"), "{}", failed.stderr);
    assert!(project.path().join("dbt_packages/base/dbt_project.yml").is_file());
    assert!(!project.path().join(".dbt_packages.assay").exists());
    let failed = project.ends(2, &["parse"]);
    assert!(
        failed.stderr.contains("packages-missing")
            && failed.stderr.contains("assay deps")
            && failed.stderr.contains("tools"),
        "{}",
        failed.stderr
    );
}

#[test]
fn the_lock_holds_until_something_else_is_asked_for() {
    let hub = hub();
    let project = project(&hub, "packages:\n  - package: acme/base\n    version: 1.0.0\n");
    project.ok(&["deps"]);
    let lock = project.read("package-lock.yml");
    project.put("package-lock.yml", &lock.replace("1.0.0", "0.9.0"));
    // The lock is the authority while what is asked for has not changed.
    project.ok(&["deps"]);
    assert!(project.read("dbt_packages/base/dbt_project.yml").contains("0.9.0"));
    project.ok(&["deps", "--upgrade"]);
    assert_eq!(project.read("package-lock.yml"), lock);
    assert!(project.read("dbt_packages/base/dbt_project.yml").contains("1.0.0"));
    project.put(
        "packages.yml",
        "packages:\n  - package: acme/base\n    version: 1.1.0\n",
    );
    project.ok(&["deps", "--lock"]);
    assert!(project.read("package-lock.yml").contains("version: 1.1.0"));
    assert!(project.read("dbt_packages/base/dbt_project.yml").contains("1.0.0"));
    project.put(
        "dbt_project.yml",
        "name: it\nprofile: it\nclean-targets: [dbt_packages]\nmodels: {+schema: \"{{ target.name }}\"}\n",
    );
    project.ok(&["clean"]);
    assert!(!project.path().join("dbt_packages").exists());
    // Cleaned again, with nothing that could be read.
    project.ok(&["clean"]);
    project.put("packages.yml", "packages: []\n");
    project.ok(&["deps"]);
    assert!(!project.path().join("package-lock.yml").exists());
    assert!(tree(&project.path().join("dbt_packages")).is_empty());
}

#[test]
fn what_cannot_be_met_is_named() {
    let hub = hub();
    for (packages, said) in [
        (
            "- package: acme/both\n  version: 1.0.0",
            &[
                "package-conflict",
                "package both asks for >=2.0.0",
                "package tools asks for 1.1.0",
            ][..],
        ),
        (
            "- package: acme/base\n  version: 3.0.0",
            &["package-conflict", "0.9.0, 1.0.0, 1.1.0, 2.0.0", "packages.yml:2:"],
        ),
        (
            "- package: acme/base\n  version: '>2.0.0'",
            &["package-conflict", "install_prerelease"],
        ),
        (
            "- package: acme/bse\n  version: 1.0.0",
            &["package-not-found", "did you mean `acme/base`?"],
        ),
        ("- package: acme/base\n  version: '1.0'", &["package-version", "`1.0`"]),
        (
            "- package: acme/base\n  version: 1.0.0\n- local: copy",
            &["same-package", "acme/base and copy"],
        ),
        ("- local: own", &["same-package", "as the project itself"]),
        ("- local: nowhere", &["package-not-found", "nowhere"]),
        ("- local: empty", &["no-project", "empty holds no project"]),
        ("- private: a/b", &["not-supported", "private"]),
    ] {
        let packages: String = packages.lines().map(|line| format!("{line}\n")).collect();
        let project = project(&hub, &format!("packages:\n{packages}"))
            .write("copy/dbt_project.yml", "name: base\n")
            .write("own/dbt_project.yml", "name: it\n")
            .write("empty/readme.md", "");
        let failed = project.ends(2, &["deps"]);
        for part in said {
            assert!(failed.stderr.contains(part), "{part} is not in:\n{}", failed.stderr);
        }
        assert!(!project.path().join("package-lock.yml").exists());
        assert!(!project.path().join("dbt_packages").exists());
    }
    let project = project(&hub, "packages: []\n").write("dependencies.yml", "projects:\n  - name: other\n");
    let failed = project.ends(2, &["deps"]);
    assert!(failed.stderr.contains("`projects`"), "{}", failed.stderr);
}

#[test]
fn prereleases_where_they_are_wanted() {
    let hub = hub();
    let project = project(
        &hub,
        "packages:\n  - package: acme/base\n    version: '>2.0.0'\n    install_prerelease: true\n",
    );
    project.ok(&["deps"]);
    assert!(project.read("package-lock.yml").contains("version: 2.1.0-rc.1"));
}

#[test]
fn repositories_at_a_tag_a_branch_and_a_commit() {
    let hub = hub();
    let project = project(&hub, "");
    let repository = repository(&project);
    let url = format!("file://{}", repository.display());
    let list = |revision: &str| format!("packages:\n  - git: {url}\n    revision: {revision}\n");
    for (revision, commit, text) in [
        ("v1", git(&repository, &["rev-parse", "v1"]), "select 1"),
        ("dev", git(&repository, &["rev-parse", "dev"]), "select 2"),
        (
            &git(&repository, &["rev-parse", "v1"]),
            git(&repository, &["rev-parse", "v1"]),
            "select 1",
        ),
    ] {
        project.put("packages.yml", &list(revision));
        let done = project.ok(&["deps"]);
        assert!(!done.stderr.contains("package-unpinned"), "{}", done.stderr);
        assert!(project.read("package-lock.yml").contains(&commit), "{revision}");
        assert!(
            project.read("dbt_packages/gitty/models/g.sql").contains(text),
            "{revision}"
        );
    }
    assert!(!project.path().join("dbt_packages/gitty/.git").exists());
    // The default branch moves; the lock does not.
    project.put(
        "packages.yml",
        &format!("packages:\n  - git: {url}\n    subdirectory: sub/inner\n"),
    );
    let done = project.ok(&["deps"]);
    assert!(done.stderr.contains("package-unpinned"), "{}", done.stderr);
    assert_eq!(tree(&project.path().join("dbt_packages")), ["subby/dbt_project.yml"]);
    assert!(project.read("package-lock.yml").contains("subdirectory: sub/inner"));
    for (entry, said) in [
        (list("nowhere"), "a branch, a tag"),
        (format!("{}    subdirectory: none\n", list("v1")), "no folder `none`"),
        (format!("{}    subdirectory: ../..\n", list("v1")), "no folder"),
        (
            format!("{}  - git: {url}\n    revision: dev\n", list("v1")),
            "2 revisions",
        ),
        (list("--upload-pack=x"), "begins with a hyphen"),
    ] {
        project.put("packages.yml", &entry);
        let failed = project.ends(2, &["deps"]);
        assert!(failed.stderr.contains(said), "{said} is not in:\n{}", failed.stderr);
        // What was installed before is still there.
        assert!(project.path().join("dbt_packages/subby/dbt_project.yml").is_file());
    }
}

#[test]
fn secrets_are_neither_shown_nor_written() {
    let hub = hub();
    let port = hub.url.trim_start_matches("http://");
    hub.serve(
        "/t/ball.tar.gz",
        archive("ball", &[("dbt_project.yml", "name: inner\n")]),
    );
    let project = project(
        &hub,
        &format!(
            "packages:\n  - tarball: \"http://{port}/t/ball.tar.gz?key={{{{ env_var('DBT_ENV_SECRET_KEY') }}}}\"\n    name: ball\n"
        ),
    )
    .env("DBT_ENV_SECRET_KEY", "hunter2");
    let everywhere = |text: &str| -> Vec<PathBuf> {
        walkdir::WalkDir::new(project.path())
            .into_iter()
            .flatten()
            .map(walkdir::DirEntry::into_path)
            .filter(|path| fs::read_to_string(path).is_ok_and(|found| found.contains(text)))
            .collect()
    };
    let done = project.ok(&["deps", "--log-level", "debug"]);
    assert!(!done.stdout.contains("hunter2") && !done.stderr.contains("hunter2"));
    assert!(
        project
            .read("package-lock.yml")
            .contains("env_var('DBT_ENV_SECRET_KEY')")
    );
    assert!(everywhere("hunter2").is_empty(), "{:?}", everywhere("hunter2"));
    project.ok(&["parse"]);
    // Nor where it fails, nor where it is typed into the file.
    for (entry, shown) in [
        (
            "\"https://{{ env_var('DBT_ENV_SECRET_KEY') }}@127.0.0.1:1/x.git\"",
            "https://*****@127.0.0.1:1/x.git",
        ),
        (
            "https://me:hunter2@127.0.0.1:1/x.git",
            "https://*****@127.0.0.1:1/x.git",
        ),
    ] {
        project.put(
            "packages.yml",
            &format!("packages:\n  - git: {entry}\n    revision: v1\n"),
        );
        let failed = project.ends(2, &["deps"]);
        assert!(failed.stderr.contains(shown), "{}", failed.stderr);
        assert!(
            !failed.stdout.contains("hunter2") && !failed.stderr.contains("hunter2"),
            "{}",
            failed.stderr
        );
    }
}

#[test]
fn an_archive_that_leads_outside_is_refused() {
    let hub = hub();
    hub.serve(
        "/t/evil.tar.gz",
        archive("evil", &[("dbt_project.yml", "name: evil\n"), ("../../../owned", "x")]),
    );
    hub.serve("/t/page.tar.gz", b"<html>not an archive</html>".to_vec());
    for name in ["evil", "page"] {
        let entry = format!(
            "packages:\n  - tarball: {}/t/{name}.tar.gz\n    name: {name}\n",
            hub.url
        );
        let project = project(&hub, &entry);
        let failed = project.ends(2, &["deps"]);
        assert!(failed.stderr.contains("package-archive"), "{}", failed.stderr);
        assert!(!project.path().join("owned").exists() && !project.path().join("dbt_packages").exists());
    }
    // Nor by the name that it is given.
    hub.serve(
        "/t/ball.tar.gz",
        archive("ball", &[("dbt_project.yml", "name: inner\n")]),
    );
    let project = project(
        &hub,
        &format!("packages:\n  - tarball: {}/t/ball.tar.gz\n    name: ../out\n", hub.url),
    );
    let failed = project.ends(2, &["deps"]);
    assert!(failed.stderr.contains("bad-name"), "{}", failed.stderr);
    assert!(!project.path().join("out").exists());
}

#[test]
fn a_package_is_added_in_place_of_another_version() {
    let hub = hub();
    let project = project(&hub, "# ours\npackages:\n  - package: acme/base\n    version: 1.0.0\n");
    let told = project.ok(&["deps", "--add-package", "acme/base@>=1.0.0,<2.0.0", "--dry-run"]);
    assert!(told.stderr.contains("version: 1.1.0"), "{}", told.stderr);
    assert!(
        project.read("packages.yml").contains("version: 1.0.0") && !project.path().join("package-lock.yml").exists()
    );
    project.ok(&["deps", "--add-package", "acme/base@>=1.0.0,<2.0.0"]);
    assert_eq!(
        project.read("packages.yml"),
        "# ours\npackages:\n  - package: acme/base\n    version:\n      - '>=1.0.0'\n      - <2.0.0\n"
    );
    assert!(project.read("dbt_packages/base/dbt_project.yml").contains("1.1.0"));
    project.put("loc/dbt_project.yml", "name: loc\n");
    project.ok(&["deps", "--add-package", "./loc", "--source", "local"]);
    assert!(project.path().join("dbt_packages/loc").is_symlink());
    let failed = project.ends(2, &["deps", "--add-package", "acme/tools"]);
    assert!(failed.stderr.contains("says no version"), "{}", failed.stderr);
    assert!(!project.read("packages.yml").contains("acme/tools"));
}

#[test]
fn local_packages_are_read_where_they_are() {
    let project = Project::new()
        .write("dbt_project.yml", "name: it\nprofile: it\n")
        .write("packages.yml", "packages:\n  - local: parts/one\n")
        .write(
            "models/m.sql",
            "select * from {{ ref('a') }} join {{ ref('b') }} using (x)",
        )
        .write("parts/one/dbt_project.yml", "name: one\n")
        .write("parts/one/packages.yml", "packages:\n  - local: parts/two\n")
        .write("parts/one/models/a.sql", "select 1 as x")
        .write("parts/two/dbt_project.yml", "name: two\n")
        .write("parts/two/models/b.sql", "select 1 as x");
    let listed = |project: &Project| project.ok(&["ls", "--resource-type", "model"]).stdout;
    let before = listed(&project);
    assert_eq!(
        before
            .lines()
            .filter(|line| line.starts_with("one.") || line.starts_with("two."))
            .count(),
        2,
        "{before}"
    );
    project.ok(&["deps"]);
    assert_eq!(listed(&project), before);
    // A package that is no longer asked for is read, and named.
    project.put("packages.yml", "packages: []\n");
    fs::remove_file(project.path().join("package-lock.yml")).expect("removed");
    let said = project.ok(&["parse"]).stderr;
    assert!(said.contains("packages-left-over"), "{said}");
}
