//! `init`: a small project to begin with. Asks nothing.

use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::project::is_name;
use crate::run::Level;

use super::arguments::{Global, InitArguments};
use super::workspace::Talk;
use super::{Outcome, Status};

const FILES: [(&str, &str); 6] = [
    ("project.yml", include_str!("init/project.yml")),
    (".gitignore", include_str!("init/gitignore")),
    ("seeds/raw_orders.csv", include_str!("init/raw_orders.csv")),
    ("models/stg_orders.sql", include_str!("init/stg_orders.sql")),
    ("models/daily_revenue.sql", include_str!("init/daily_revenue.sql")),
    ("models/models.yml", include_str!("init/models.yml")),
];

pub(super) fn init(global: &Global, talk: &Talk, arguments: &InitArguments) -> Outcome {
    let name = &arguments.name;
    if name.is_empty() || !is_name(name) {
        return Err(
            Diagnostic::error("bad-name", format!("`{name}` cannot be a project's name"))
                .help("use letters, digits and underscores, and no digit first")
                .into(),
        );
    }
    let root = global.project_dir.clone().unwrap_or_default().join(name);
    if root.exists() {
        return Err(
            Diagnostic::error("project-exists", format!("{} is there already", root.display()))
                .because("`init` overwrites nothing")
                .help("choose another name, or take it away")
                .into(),
        );
    }
    let profile = global.profile.as_ref().map_or_else(String::new, |profile| {
        format!("profile: {}\n", serde_json::Value::from(profile.as_str()))
    });
    for (path, text) in FILES {
        let text = text.replace("__name__", name).replace("__profile__\n", &profile);
        write(&root.join(path), &text)?;
    }
    talk.say(Level::Info, &format!("Made the project {name} in {}", root.display()));
    talk.say(
        Level::Info,
        &format!(
            "Next: cd {} && assay build. docs/connection.md says which server that takes",
            root.display()
        ),
    );
    Ok(Status::Success)
}

fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    folder.and_then(|()| std::fs::write(path, text)).map_err(|error| {
        Diagnostic::error("file-not-written", format!("cannot write {}", path.display()))
            .because(error.to_string())
            .help("check that the folder may be written to and that the disk has room")
    })
}
