//! A small package hub on a port of this machine.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

/// One version of a package and what it asks for.
type Release = (&'static str, &'static str, Value);

/// Paths with what they answer; the last of a path counts.
type Files = Vec<(String, Vec<u8>)>;

/// Serves `api/v1/` and archives. It can be closed: then nothing answers.
pub struct Hub {
    pub url: String,
    asked: Arc<AtomicUsize>,
    open: Arc<AtomicBool>,
    files: Arc<Mutex<Files>>,
}

impl Hub {
    pub fn new(releases: &[Release]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let hub = Self {
            url,
            asked: Arc::default(),
            open: Arc::new(AtomicBool::new(true)),
            files: Arc::default(),
        };
        let mut names: Vec<&str> = Vec::new();
        for (name, version, _) in releases {
            let short = name.split('/').next_back().expect("a name");
            let project = format!("name: {short}\nversion: '{version}'\n");
            let files = [
                ("dbt_project.yml", project.as_str()),
                ("macros/m.sql", "{% macro m() %}{% endmacro %}"),
            ];
            hub.serve(&format!("/t/{short}-{version}.tar.gz"), archive("from-the-hub", &files));
            if !names.contains(name) {
                names.push(name);
            }
        }
        for name in &names {
            let short = name.split('/').next_back().expect("a name");
            let versions: Map<String, Value> = releases
                .iter()
                .filter(|release| release.0 == *name)
                .map(|(_, version, packages)| {
                    let tarball = format!("{}/t/{short}-{version}.tar.gz", hub.url);
                    let release = json!({"name": short, "version": version, "packages": packages,
                        "require_dbt_version": [">=1.0.0", "<2.0.0"], "downloads": {"tarball": tarball}});
                    ((*version).to_owned(), release)
                })
                .collect();
            let package = json!({"name": short, "namespace": "acme", "versions": versions});
            hub.serve(&format!("/api/v1/{name}.json"), package.to_string().into_bytes());
        }
        hub.serve("/api/v1/index.json", json!(names).to_string().into_bytes());
        hub.start(listener);
        hub
    }

    /// Answers a path with these bytes.
    pub fn serve(&self, path: &str, bytes: Vec<u8>) {
        self.files.lock().expect("the files").push((path.to_owned(), bytes));
    }

    /// Requests so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
    }

    fn start(&self, listener: TcpListener) {
        let (asked, open, files) = (Arc::clone(&self.asked), Arc::clone(&self.open), Arc::clone(&self.files));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                asked.fetch_add(1, Ordering::SeqCst);
                if open.load(Ordering::SeqCst) {
                    answer(stream, &files.lock().expect("the files"));
                }
            }
        });
    }
}

fn answer(mut stream: TcpStream, files: &[(String, Vec<u8>)]) {
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    let Some(Ok(request)) = lines.next() else { return };
    for line in lines.map_while(Result::ok) {
        if line.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let (status, body) = match files.iter().rev().find(|(known, _)| known == path) {
        Some((_, bytes)) => ("200 OK", bytes.as_slice()),
        None => ("404 Not Found", &b"no"[..]),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // Whoever asked may have gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// A tar.gz with its files in one folder. Paths are taken as they are, `..` included.
pub fn archive(top: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    for (path, text) in files {
        let mut header = tar::Header::new_old();
        let path = format!("{top}/{path}");
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, text.as_bytes()).expect("an entry");
    }
    builder
        .into_inner()
        .and_then(flate2::write::GzEncoder::finish)
        .expect("an archive")
}
