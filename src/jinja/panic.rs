//! A panic of the engine is an error of the template that brought it about.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use minijinja::Error;

use super::host::Refusal;

thread_local! {
    /// Whether a template is rendered here, so that a panic is told as an error.
    static RENDERS: Cell<bool> = const { Cell::new(false) };
}

static HOOKED: Once = Once::new();

/// Does the work. What panics within is a `jinja-panic`, and prints nothing by itself.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    HOOKED.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !RENDERS.get() {
                before(panic);
            }
        }));
    });
    let outer = RENDERS.replace(true);
    // What the work leaves half done is the session, and the session ends with it.
    let done = catch_unwind(AssertUnwindSafe(work));
    RENDERS.set(outer);
    done.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "nothing is known of it".to_owned());
        Err(Refusal::new("jinja-panic", format!("the template engine gave up: {text}")).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let error = caught(|| -> Result<(), Error> { panic!("no {}", "luck") }).unwrap_err();
        assert!(
            error.to_string().contains("the template engine gave up: no luck"),
            "{error}"
        );
        assert!(!RENDERS.get());
        assert_eq!(caught(|| Ok(1)).unwrap(), 1);
    }
}
