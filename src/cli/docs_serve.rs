//! `docs serve`: the site of the last `docs generate`, in a browser.

use std::process::{Command, Stdio};

use crate::diagnostic::Diagnostic;
use crate::report::docs_server;
use crate::run::Level;

use super::arguments::DocsServeArguments;
use super::arguments::Global;
use super::clean::folders;
use super::workspace::Talk;
use super::{Outcome, Status};

pub(super) async fn serve(global: &Global, talk: &Talk, arguments: &DocsServeArguments) -> Outcome {
    let (root, paths) = folders(global)?;
    let named = global.target_path.clone();
    let folder = root.join(named.unwrap_or_else(|| paths.target.into()));
    if !folder.join("index.html").is_file() {
        let message = format!("there is no index.html in {}", folder.display());
        return Err(Diagnostic::error("no-docs", message)
            .because("nothing was generated yet, or `clean` deleted it")
            .help("write the site first: assay docs generate")
            .into());
    }
    let (host, port) = (arguments.host.as_str(), arguments.port);
    let listener = tokio::net::TcpListener::bind((host, port)).await.map_err(|error| {
        let taken = error.kind() == std::io::ErrorKind::AddrInUse;
        Diagnostic::error("cannot-listen", format!("cannot listen on {host}, port {port}"))
            .because(if taken {
                "another program uses the port".to_owned()
            } else {
                error.to_string()
            })
            .help("name another port with --port (0 takes any that is free), or another address with --host")
    })?;
    let port = listener.local_addr().map_or(port, |address| address.port());
    // What listens everywhere is reached here under this name.
    let shown = match host {
        "0.0.0.0" | "::" | "" | "127.0.0.1" => "localhost".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    let url = format!("http://{shown}:{port}");
    talk.say(Level::Info, &format!("Serving {} at {url}", folder.display()));
    talk.say(Level::Info, "Press Ctrl+C to stop");
    if !arguments.no_browser {
        open_browser(&url);
    }
    let mut term =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(|error| unserved(&error))?;
    tokio::select! {
        ended = docs_server::serve(listener, &folder) => ended.map_err(|error| unserved(&error))?,
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
    Ok(Status::Success)
}

fn unserved(error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("cannot-listen", "the server cannot go on").because(error.to_string())
}

/// A convenience: where there is no browser, the address that was printed is enough.
fn open_browser(url: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let started = Command::new(program)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Ok(mut browser) = started {
        std::thread::spawn(move || browser.wait());
    }
}
