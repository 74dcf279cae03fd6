//! What can go wrong with the file that holds the chats, in words for the person it happens to.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::types::MessageRole;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is damaged, is no database, or is another program's. Nothing in it was changed.
    #[error(
        "The chats in {} cannot be read: {detail}. Set the file aside and start with no chats, or put one of \
         the copies named hearth-before-… in its place.", path.display()
    )]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A later Hearth has written the file. Nothing in it was changed.
    #[error(
        "The chats in {} were written by a newer Hearth. Open them with that version or a later one; nothing \
         was changed.", path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
    },
    /// The file, its folder or the whole disk cannot be written.
    #[error(
        "The chats in {} cannot be saved, because the file or its folder may not be written. Make both writable \
         and try again.", path.display()
    )]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// The disk is full. What was saved before is intact.
    #[error(
        "The disk that holds {} is full. Free some space and try again; what was saved before is still there.",
        path.display()
    )]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// Another process holds the file.
    #[error(
        "The chats in {} are in use by another program, perhaps a second Hearth. Close it and try again.",
        path.display()
    )]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// No such chat, message, model or download, or not any more.
    #[error("This {kind} ({id}) is not there any more. Choose another one.")]
    NotFound {
        /// "chat", "message", "reply", "model" or "download".
        kind: &'static str,
        /// The id asked for.
        id: String,
    },
    /// A question was to follow a question, or a reply a reply.
    #[error("Message {id} is not from the {}. Choose one that is.", role_name(*.expected))]
    WrongRole {
        /// The message that was named.
        id: String,
        /// Who should have said it.
        expected: MessageRole,
    },
    /// A path that is not Unicode, which the database cannot hold.
    #[error("The name of {} has characters that are not Unicode. Rename the file or its folder and try again.", path.display())]
    NotUnicode {
        /// The path.
        path: PathBuf,
    },
    /// A model without a file, which could never be opened.
    #[error("The model {name} has no files. Choose one that has.")]
    NoFiles {
        /// What it was to be called.
        name: String,
    },
    /// Anything else, in the words of the system.
    #[error("The chats in {} could not be used: {detail}. Try again, and start Hearth anew if that does not help.", path.display())]
    Other {
        /// The database.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
}

fn role_name(role: MessageRole) -> &'static str {
    match role {
        MessageRole::System => "system",
        MessageRole::User => "person",
        MessageRole::Assistant => "model",
    }
}

impl StoreError {
    /// An error that SQLite or sqlx reported about the database at `path`.
    pub(crate) fn from_sqlx(path: &Path, error: &sqlx::Error) -> Self {
        let path = path.to_path_buf();
        // What sqlx puts around it, "error returned from database: (code: 26)", is for engineers.
        let detail = error
            .as_database_error()
            .map_or_else(|| error.to_string(), |error| error.message().to_owned());
        match sqlite_code(error).map(|code| code & 0xff) {
            Some(SQLITE_BUSY | SQLITE_LOCKED) => Self::InUse { path },
            Some(SQLITE_READONLY | SQLITE_PERM) => Self::ReadOnly { path },
            Some(SQLITE_CANTOPEN) if is_refused(&path) => Self::ReadOnly { path },
            Some(SQLITE_FULL) => Self::Full { path },
            Some(SQLITE_CORRUPT | SQLITE_NOTADB) => Self::Corrupt { path, detail },
            _ => Self::Other { path, detail },
        }
    }

    /// An error that the system reported about the database at `path` or a file beside it.
    pub(crate) fn from_io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_path_buf();
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Other {
                path,
                detail: error.to_string(),
            },
        }
    }

    pub(crate) fn chat_not_found(id: &str) -> Self {
        Self::NotFound {
            kind: "chat",
            id: id.to_owned(),
        }
    }

    pub(crate) fn message_not_found(id: &str) -> Self {
        Self::NotFound {
            kind: "message",
            id: id.to_owned(),
        }
    }
}

const SQLITE_PERM: i32 = 3;
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_READONLY: i32 = 8;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;

/// SQLite's extended result code, where SQLite is who complains.
pub(crate) fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Whether "unable to open database file", which is all that SQLite says, has the plain reason that the
/// system does not let us.
fn is_refused(path: &Path) -> bool {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    opened.is_err_and(|error| {
        matches!(
            error.kind(),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_file_and_the_next_step() {
        let path = PathBuf::from("/home/ada/hearth.db");
        for error in [
            StoreError::Corrupt {
                path: path.clone(),
                detail: "file is not a database".into(),
            },
            StoreError::Newer { path: path.clone() },
            StoreError::ReadOnly { path: path.clone() },
            StoreError::Full { path: path.clone() },
            StoreError::InUse { path: path.clone() },
        ] {
            let text = error.to_string();
            assert!(text.contains("/home/ada/hearth.db"), "{text}");
            assert!(text.contains(". "), "says what to do next: {text}");
        }
    }
}
