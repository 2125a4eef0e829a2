//! `--select` and its relatives.

use clap::{Args, ValueEnum};

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArguments {
    /// Nodes to take: names, paths, tag:, source:, +parents, children+, @, a,b for both
    #[arg(short, long, num_args = 1.., value_name = "SPEC", visible_short_alias = 'm', alias = "models", alias = "model")]
    pub select: Vec<String>,
    /// Nodes to leave out
    #[arg(long, num_args = 1.., value_name = "SPEC")]
    pub exclude: Vec<String>,
    /// A selector of selectors.yml
    #[arg(long, value_name = "NAME", conflicts_with_all = ["select", "exclude"])]
    pub selector: Option<String>,
    /// Which tests come with a selected node
    #[arg(long, value_enum, default_value_t = IndirectSelection::Eager)]
    pub indirect_selection: IndirectSelection,
    /// Kinds of node to take
    #[arg(long, num_args = 1.., value_name = "TYPE", alias = "resource-types")]
    pub resource_type: Vec<String>,
    /// Kinds of node to leave out
    #[arg(long, num_args = 1.., value_name = "TYPE", alias = "exclude-resource-types")]
    pub exclude_resource_type: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum IndirectSelection {
    /// Tests with any selected parent
    #[default]
    Eager,
    /// Tests whose parents are all selected
    Cautious,
    /// Tests whose parents are all selected or above a selected node
    Buildable,
    /// Only tests that are selected themselves
    Empty,
}
