//! What templates say to people while they are parsed.

use std::fmt;
use std::sync::Arc;

/// What a template says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// `log(..)`; `shown` where it asks for `info`.
    Logged { text: String, shown: bool },
    /// `print(..)`.
    Printed(String),
}

/// Who passes it on, at once. Templates are parsed side by side, so several may speak at a time.
#[derive(Clone)]
pub struct Voice(Arc<dyn Fn(Said) + Send + Sync>);

impl Voice {
    pub fn new(tell: impl Fn(Said) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// One that keeps everything to itself.
    pub fn silent() -> Self {
        Self::new(|_| ())
    }

    pub fn say(&self, said: Said) {
        (self.0)(said);
    }
}

impl fmt::Debug for Voice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Voice")
    }
}
