//! `log`, `print`, `debug`: what a template says to people.

use minijinja::{Environment, Error, State};

use super::{Args, session};
use crate::jinja::value::{argument, split_kwargs};

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_function("log", log);
    environment.add_function("print", print);
    environment.add_function("debug", |state: &mut State| -> Result<&str, Error> {
        session(state)?
            .host
            .log("debug() stops dbt in Python's debugger; here it does nothing", true);
        Ok("")
    });
}

fn print(state: &mut State, args: Args) -> Result<&'static str, Error> {
    let args = args.into_values();
    let (args, kwargs) = split_kwargs(&args)?;
    let text = match argument(args, &kwargs, 0, "msg") {
        Some(message) => message.to_string(),
        None => String::new(),
    };
    session(state)?.host.print(&text);
    Ok("")
}

fn log(state: &mut State, args: Args) -> Result<&'static str, Error> {
    let args = args.into_values();
    let (args, kwargs) = split_kwargs(&args)?;
    let message = argument(args, &kwargs, 0, "msg").unwrap_or_default();
    let show = argument(args, &kwargs, 1, "info").is_some_and(|v| v.is_true());
    session(state)?.host.log(&message.to_string(), show);
    Ok("")
}
