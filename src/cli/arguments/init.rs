//! What `init` takes.

use clap::Args;

#[derive(Clone, Debug, Args)]
pub struct InitArguments {
    /// Name of the project and of its folder, which is made
    pub name: String,
    /// dbt asks for a connection unless told not to; here nothing is asked
    #[arg(short, long, hide = true)]
    pub skip_profile_setup: bool,
    /// dbt looks at the connection afterwards; `assay debug` does
    #[arg(long, hide = true)]
    pub skip_debug: bool,
}
