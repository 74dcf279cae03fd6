//! Panics and engine errors, turned into words.

use std::sync::Mutex;

static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the message of every panic for [`take_panic`], and prints it to standard error as usual.
///
/// mistral.rs panics on much that a file can contain, on its own threads as well, where nobody can catch it.
pub fn remember_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or("no message").to_owned();
        if let Ok(mut last) = LAST_PANIC.lock() {
            *last = Some(message);
        }
        print(panic);
    }));
}

/// The message of the newest panic, once; `None` when nothing has panicked since the last call.
pub fn take_panic() -> Option<String> {
    let last = LAST_PANIC.lock().ok().and_then(|mut last| last.take());
    last.map(|message| first_line(&message))
}

/// The message of the newest panic, once, where there must have been one.
pub fn last_panic() -> String {
    take_panic().unwrap_or_else(|| "it stopped without a word".to_owned())
}

/// The first line of an engine's error: what follows is a backtrace or a dump of the request.
pub fn first_line(message: &str) -> String {
    let line = message
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("no details");
    line.trim_end_matches(['.', ':']).chars().take(300).collect()
}
