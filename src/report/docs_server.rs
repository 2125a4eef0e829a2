//! A server for the files of one folder, for looking at the site on this machine. It reads files and nothing else.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The longest request that is read, in bytes.
const LONGEST_REQUEST: usize = 16 * 1024;

/// A client that says nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers `GET` and `HEAD` for the files below `folder` until it is dropped.
pub async fn serve(listener: TcpListener, folder: &Path) -> io::Result<()> {
    let folder: Arc<Path> = folder.canonicalize()?.into();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, say: those who are being answered will go.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let folder = Arc::clone(&folder);
        tokio::spawn(async move {
            // A browser that goes away is no failure.
            let _ = tokio::time::timeout(Duration::from_secs(60), answer(stream, &folder)).await;
        });
    }
}

async fn answer(mut stream: TcpStream, folder: &Path) -> io::Result<()> {
    let Some(request) = read_request(&mut stream).await? else {
        return Ok(());
    };
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (status, kind, body) = match method {
        "GET" | "HEAD" => match find(folder, target) {
            Some(path) => match tokio::fs::read(&path).await {
                Ok(body) => ("200 OK", content_type(&path), body),
                Err(_) => not_found(),
            },
            None => not_found(),
        },
        _ => (
            "405 Method Not Allowed",
            "text/plain; charset=utf-8",
            b"Only GET\n".to_vec(),
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    if method != "HEAD" {
        stream.write_all(&body).await?;
    }
    stream.shutdown().await
}

fn not_found() -> (&'static str, &'static str, Vec<u8>) {
    ("404 Not Found", "text/plain; charset=utf-8", b"Not found\n".to_vec())
}

/// The first line of a request whose head came whole.
async fn read_request(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut part = [0; 2048];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let Ok(read) = tokio::time::timeout(PATIENCE, stream.read(&mut part)).await else {
            return Ok(None);
        };
        let read = read?;
        if read == 0 || head.len() + read > LONGEST_REQUEST {
            return Ok(None);
        }
        head.extend_from_slice(&part[..read]);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Ok(std::str::from_utf8(line).ok().map(str::to_owned))
}

/// The file that a target means; nothing where it is outside of the folder, by dots or by a link.
fn find(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = decoded(target.split(['?', '#']).next()?)?;
    let relative = Path::new(path.strip_prefix('/')?);
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let mut found = folder.join(relative);
    if found.is_dir() {
        found.push("index.html");
    }
    let found = found.canonicalize().ok()?;
    (found.starts_with(folder) && found.is_file()).then_some(found)
}

/// `%20` and its like; nothing where that is no text.
fn decoded(path: &str) -> Option<String> {
    let text = percent_decode_str(path).decode_utf8().ok()?;
    (!text.contains('\0')).then(|| text.into_owned())
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()).unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "json" => "application/json",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "sql" | "txt" | "csv" | "yml" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn finds_what_lies_below_the_folder_only() {
        let around = tempfile::tempdir().expect("a folder");
        let around = around.path().canonicalize().expect("it is there");
        let folder = around.join("target");
        fs::create_dir_all(folder.join("assets/a b")).expect("folders");
        for file in ["secret", "target/index.html", "target/assets/a b/é.svg"] {
            fs::write(around.join(file), "x").expect("a file");
        }
        std::os::unix::fs::symlink(around.join("secret"), folder.join("link")).expect("a link");
        let found =
            |target: &str| find(&folder, target).map(|path| path.strip_prefix(&folder).expect("below").to_owned());
        for (target, file) in [
            ("/", "index.html"),
            ("/?x=/..", "index.html"),
            ("/index.html#!/model", "index.html"),
            ("/assets/a%20b/%C3%A9.svg", "assets/a b/é.svg"),
        ] {
            assert_eq!(found(target), Some(PathBuf::from(file)), "{target}");
        }
        for target in [
            "/../secret",
            "/..%2fsecret",
            "/%2e%2e/secret",
            "/assets/../../secret",
            "//etc/passwd",
            "/link",
            "/assets",
            "/none",
            "/%zz",
            "/%00",
            "secret",
            "",
        ] {
            assert_eq!(found(target), None, "{target}");
        }
    }
}
