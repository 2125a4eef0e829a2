//! The thread that shows what happens while others work.

use std::io::Write as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;

use crate::run::{Event, Events, Stamped};

use super::Renderer;
use super::mask::Mask;

/// How long nothing may happen before the display moves on.
const PULSE: Duration = Duration::from_millis(100);

/// Shows events until every teller is gone.
#[derive(Debug)]
pub struct Listener(JoinHandle<()>);

impl Listener {
    /// Begins to listen; the events go to the teller that comes back with it.
    pub fn start(mut renderer: Box<dyn Renderer + Send>) -> (Events, Self) {
        let (events, receiver) = Events::channel();
        let thread = thread::spawn(move || listen(&receiver, &mut *renderer));
        (events, Self(thread))
    }

    /// Waits until everything told has been shown. Every teller must have been dropped, or this never returns.
    pub fn finish(self) {
        // A panic of the listener has already been printed by then, and the work itself is done.
        drop(self.0.join());
    }
}

/// A closed standard error must not stop the work, so what cannot be written is dropped.
fn listen(receiver: &Receiver<Stamped>, renderer: &mut dyn Renderer) {
    let mask = Mask::of_environment();
    loop {
        match receiver.recv_timeout(PULSE) {
            Ok(stamped) => {
                if let Event::Printed(text) = &stamped.event {
                    // What is drawn below must be gone before a line goes to the same terminal.
                    drop(renderer.close());
                    let mut out = std::io::stdout().lock();
                    let text = mask.hide(text);
                    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
                }
                drop(renderer.event(&stamped));
                if matches!(stamped.event, Event::Finished(_)) {
                    drop(renderer.close());
                }
            }
            Err(RecvTimeoutError::Timeout) => drop(renderer.tick(Timestamp::now())),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    drop(renderer.close());
}
