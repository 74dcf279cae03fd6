//! What the terminal shows.

use std::io::{IsTerminal, Write};

use hearth_app::ErrorReport;
use serde::Serialize;

/// Where answers go, and in which form.
pub struct Output {
    /// One JSON value in place of a table.
    pub json: bool,
}

impl Output {
    /// Prints `value` as JSON, or as `text` makes it.
    pub fn answer<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) {
        let shown = if self.json {
            // The types that cross to the UI have text keys and finite numbers only.
            serde_json::to_string(value).unwrap_or_default()
        } else {
            text(value)
        };
        line(&shown);
    }

    /// Prints an error to standard error.
    pub fn error(&self, error: &ErrorReport) {
        if self.json {
            eprintln!("{}", serde_json::to_string(error).unwrap_or_default());
        } else {
            eprintln!("error: {}", error.message);
        }
    }

    /// Says something beside the answer on standard error.
    pub fn notice(&self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    /// Shows how far something is, in place of the line before; only where somebody looks.
    pub fn progress(&self, text: &str) {
        if !self.json && std::io::stderr().is_terminal() {
            eprint!("\r\x1b[2K{text}");
        }
    }

    /// Ends the line of progress.
    pub fn progress_done(&self) {
        self.progress("");
    }
}

/// Prints a line; a reader that has gone, such as `head`, is no error.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints without a line's end, at once.
pub fn piece(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A table with columns as wide as they need to be.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let render = |cells: Vec<&str>| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![render(head.to_vec())];
    lines.extend(
        rows.iter()
            .map(|row| render(row.iter().map(String::as_str).collect())),
    );
    lines.join("\n")
}

/// Bytes in the unit that people compare files in.
pub fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    if bytes >= 1e9 {
        format!("{:.1} GB", bytes / 1e9)
    } else {
        format!("{:.0} MB", bytes / 1e6)
    }
}
