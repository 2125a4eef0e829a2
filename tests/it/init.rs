//! `init`, and going on where a project wants another dbt.

use super::support::Project;

#[test]
fn a_new_project_builds() {
    let outside = Project::new();
    let profiles = outside.path().display().to_string();
    let said = outside.ok(&["init", "shop", "--profile", "it", "--skip-profile-setup"]);
    assert!(said.stderr.contains("Next: cd shop && assay build"), "{}", said.stderr);
    let within = ["--project-dir", "shop", "--profiles-dir", &profiles];
    let built = outside.ok(&[&["build"], &within[..]].concat());
    assert!(built.stderr.contains("PASS=9 WARN=0 ERROR=0"), "{}", built.stderr);
    assert_eq!(
        outside.psql("select ordered_on, orders, revenue from dev.daily_revenue order by 1 limit 1"),
        "2025-01-01|2|25.50"
    );
    outside.ok(&[&["--warn-error", "build"], &within[..]].concat());
    // Without a profile nothing is named, and what the connection says is taken.
    outside.ok(&["init", "plain"]);
    let file = outside.read("plain/project.yml");
    assert!(
        file.starts_with("name: plain\n") && !file.contains("profile") && !file.contains("__"),
        "{file}"
    );
    outside.ok(&[
        &["build", "--profile", "it"],
        &["--project-dir", "plain", "--profiles-dir", &profiles][..],
    ]
    .concat());
}

#[test]
fn what_is_there_is_left_alone() {
    let outside = Project::new().write("shop/notes.txt", "mine");
    let refused = outside.ends(2, &["init", "shop"]);
    assert!(
        refused.stderr.contains("error[project-exists]: shop is there already"),
        "{}",
        refused.stderr
    );
    assert!(!outside.path().join("shop/project.yml").exists());
    for name in ["9lives", "a-b", "../up", ""] {
        let refused = outside.ends(2, &["init", name]);
        assert!(refused.stderr.contains("error[bad-name]"), "{name}: {}", refused.stderr);
    }
    let refused = outside.ends(2, &["init"]);
    assert!(refused.stderr.contains("<NAME>"), "{}", refused.stderr);
}

#[test]
fn the_version_of_dbt_counts_unless_told_otherwise() {
    for flavour in ["project.yml", "dbt_project.yml"] {
        let project = Project::new()
            .write(
                flavour,
                "name: it\nprofile: it\nversion: '1'\nrequire-dbt-version: '>=2.0.0'\n",
            )
            .write("models/m.sql", "select '{{ flags.VERSION_CHECK }}' as a");
        let refused = project.ends(2, &["run"]);
        for told in ["error[dbt-version]", flavour, "--no-version-check"] {
            assert!(refused.stderr.contains(told), "{told}: {}", refused.stderr);
        }
        for without in [&["run", "--no-version-check"][..], &["--no-version-check", "run"]] {
            project.ok(without);
            assert_eq!(project.psql("select a from dev.m"), "False");
        }
        let project = project.env("DBT_VERSION_CHECK", "false");
        project.ok(&["run"]);
        // What is no condition stays an error.
        let project = project.write(
            flavour,
            "name: it\nprofile: it\nversion: '1'\nrequire-dbt-version: 'newest'\n",
        );
        assert!(project.ends(2, &["run"]).stderr.contains("is no version condition"));
    }
}
