//! The real window, driven through WebDriver: the words that the end-to-end tests are written in.
//!
//! A [`Home`] is everything Hearth keeps between two starts, a [`Window`] one running app on it, and a [`Page`] what
//! a person sees in the window at one moment. Each window has its own message bus and WebDriver, and its folders are
//! the home's, so nothing of the person who runs the tests is touched.
//!
//! Linux only: elsewhere no WebDriver drives the system's webview without a screen.

#![cfg(target_os = "linux")]

mod close;
mod display;
mod driver;
mod home;
mod page;
mod pictures;
mod process;
mod terminal;
mod until;
mod wait;
mod window;

pub use home::Home;
pub use page::{Alert, Message, Page, Seen};
pub use process::Process;
pub use wait::{PATIENCE, eventually};
pub use window::Window;
