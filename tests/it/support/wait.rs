//! Waiting for something that is about to happen.

use std::thread;
use std::time::{Duration, Instant};

/// No machine is so busy; a test that waits longer is told what it waits for.
const LIMIT: Duration = Duration::from_secs(120);

/// Waits until something holds; `what` is it, for who reads that it never did.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "within two minutes not: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
