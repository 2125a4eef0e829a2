//! `log`, `print`, `debug`: what a template says to people.

use minijinja::{Environment, Error, State};

use super::{Args, session};
use crate::jinja::value::{argument, invalid, split_kwargs};

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
    let message = argument(args, &kwargs, 0, "msg").ok_or_else(|| invalid("`print` wants a message"))?;
    session(state)?.host.print(&message.to_string());
    Ok("")
}

fn log(state: &mut State, args: Args) -> Result<&'static str, Error> {
    let args = args.into_values();
    let (args, kwargs) = split_kwargs(&args)?;
    let message = argument(args, &kwargs, 0, "msg").ok_or_else(|| invalid("`log` wants a message"))?;
    let show = argument(args, &kwargs, 1, "info").is_some_and(|v| v.is_true());
    session(state)?.host.log(&message.to_string(), show);
    Ok("")
}
