//! What can be typed after `docs`.

use clap::{Args, Subcommand};

use super::SelectionArguments;

#[derive(Clone, Debug, Args)]
pub struct DocsArguments {
    #[command(subcommand)]
    pub action: DocsAction,
}

#[derive(Clone, Debug, Subcommand)]
pub enum DocsAction {
    /// Write target/catalog.json, target/manifest.json and the site target/index.html
    Generate(DocsGenerateArguments),
    /// Show the site that was written
    Serve(DocsServeArguments),
}

#[derive(Clone, Debug, Args)]
pub struct DocsGenerateArguments {
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Render the SQL of the nodes first (the default)
    #[arg(long, overrides_with = "no_compile", hide = true)]
    pub compile: bool,
    /// Render no SQL: the site shows what was compiled before
    #[arg(long)]
    pub no_compile: bool,
    /// Do not ask the database what it holds
    #[arg(long)]
    pub empty_catalog: bool,
    /// Write the site once more, under the name that dbt gives to a site of one file
    #[arg(long = "static")]
    pub single_file: bool,
    /// A selection that matches nothing is no error
    #[arg(long)]
    pub allow_empty: bool,
    /// Nodes to work on at a time (default: the profile's)
    #[arg(long)]
    pub threads: Option<usize>,
}

#[derive(Clone, Debug, Args)]
pub struct DocsServeArguments {
    /// Port to listen on; 0 for any that is free
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// Open the site in a browser (the default)
    #[arg(long, overrides_with = "no_browser", hide = true)]
    pub browser: bool,
    /// Open no browser
    #[arg(long)]
    pub no_browser: bool,
}
