//! HTTP for package lists and archives: rustls with the operating system's authorities, proxies from the environment.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Error};

use super::mask::Mask;
use crate::diagnostic::Diagnostic;

/// Pauses before each further attempt.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// Bytes that a package list may have.
const LIST_LIMIT: u64 = 64 << 20;
/// Bytes that an archive may have.
const ARCHIVE_LIMIT: u64 = 1 << 30;

/// A client that is made when it is first needed.
pub(super) struct Client {
    agent: std::cell::OnceCell<Agent>,
    mask: Mask,
}

enum Failure {
    /// Trying again can help.
    Passing(String),
    Lasting(String),
}

impl Client {
    pub(super) fn new(mask: Mask) -> Self {
        Self {
            agent: std::cell::OnceCell::new(),
            mask,
        }
    }

    /// The text that a URL answers with.
    pub(super) fn text(&self, url: &str) -> Result<String, Diagnostic> {
        self.fetch(url, Duration::from_secs(60), &mut |body| {
            let mut text = String::new();
            let read = body.take(LIST_LIMIT).read_to_string(&mut text);
            read.map(|_| text).map_err(|error| Failure::Passing(error.to_string()))
        })
    }

    /// Writes what a URL answers with into a file.
    pub(super) fn download(&self, url: &str, path: &std::path::Path) -> Result<(), Diagnostic> {
        let written = |error: std::io::Error| Failure::Lasting(format!("cannot write {}: {error}", path.display()));
        self.fetch(url, Duration::from_secs(900), &mut |body| {
            let mut file = File::create(path).map_err(written)?;
            let mut body = body.take(ARCHIVE_LIMIT + 1);
            let mut buffer = vec![0; 1 << 16];
            let mut total = 0;
            loop {
                match body.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => {
                        total += count as u64;
                        file.write_all(&buffer[..count]).map_err(written)?;
                    }
                    Err(error) => return Err(Failure::Passing(error.to_string())),
                }
            }
            if total > ARCHIVE_LIMIT {
                return Err(Failure::Lasting("it is larger than 1 GiB".to_owned()));
            }
            Ok(())
        })
    }

    fn fetch<T>(
        &self,
        url: &str,
        at_most: Duration,
        read: &mut dyn FnMut(&mut dyn Read) -> Result<T, Failure>,
    ) -> Result<T, Diagnostic> {
        let failed = |why: &str| {
            Diagnostic::error("package-download", format!("cannot fetch {}", self.mask.all(url)))
                .because(self.mask.all(why))
        };
        let agent = self.agent.get_or_init(agent);
        let mut pauses = PAUSES.iter();
        loop {
            let request = agent.get(url).config().timeout_global(Some(at_most)).build();
            let outcome = match request.call() {
                Ok(mut answer) => read(&mut answer.body_mut().with_config().limit(u64::MAX).reader()),
                Err(error) => Err(classified(&error)),
            };
            let why = match outcome {
                Ok(value) => return Ok(value),
                Err(Failure::Lasting(why)) => return Err(failed(&why).help("check the name and the address")),
                Err(Failure::Passing(why)) => why,
            };
            match pauses.next() {
                Some(pause) => std::thread::sleep(*pause),
                None => {
                    return Err(failed(&why)
                        .help("check the network; HTTPS_PROXY names a proxy, DBT_PACKAGE_HUB_URL another hub"));
                }
            }
        }
    }
}

fn classified(error: &Error) -> Failure {
    match error {
        Error::StatusCode(status) if *status < 500 && !matches!(status, 408 | 425 | 429) => {
            Failure::Lasting(format!("the server answers {status}"))
        }
        Error::StatusCode(status) => Failure::Passing(format!("the server answers {status}")),
        Error::BadUri(_) | Error::HostNotFound | Error::Tls(_) | Error::TooManyRedirects | Error::InvalidProxyUrl => {
            Failure::Lasting(error.to_string())
        }
        _ => Failure::Passing(error.to_string()),
    }
}

fn agent() -> Agent {
    let authorities: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&authorities))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .user_agent(concat!("assay/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .build()
        .into()
}
