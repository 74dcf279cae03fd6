//! From what a path says to a repo that the caller may see.

use axum::http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::access::Caller;
use crate::catalogue::{Gate, Lookup, Repo};
use crate::refusal::Refusal;
use crate::state::State;

/// All that RFC 3986 does not leave unreserved.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same, but a slash is a slash.
const PATH: &AsciiSet = &SEGMENT.remove(b'/');

/// A file's path as a URL has it.
pub(crate) fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

impl State {
    /// A repo whose listing is asked for: gated ones too are listed for everybody.
    pub fn repo(&self, caller: &Caller, org: &str, name: &str, uri: &Uri) -> Result<Box<Repo>, Refusal> {
        if *caller == Caller::Stranger {
            return Err(Refusal::bad_token());
        }
        self.look_up(caller, org, name, uri)
    }

    /// A repo of which a file is asked for.
    pub fn repo_for_files(
        &self,
        caller: &Caller,
        org: &str,
        name: &str,
        uri: &Uri,
    ) -> Result<Box<Repo>, Refusal> {
        let repo = self.look_up(caller, org, name, uri)?;
        caller.may_read(&repo)?;
        if *caller == Caller::Stranger && repo.gate == Gate::Open {
            return Err(Refusal::bad_token());
        }
        Ok(repo)
    }

    fn look_up(&self, caller: &Caller, org: &str, name: &str, uri: &Uri) -> Result<Box<Repo>, Refusal> {
        let id = format!("{org}/{name}");
        match self.catalogue.lock().look_up(&id) {
            Lookup::Found(repo) => Ok(repo),
            Lookup::Elsewhere(there) => {
                let segment = |text: &str| utf8_percent_encode(text, SEGMENT).to_string();
                let asked = uri.path_and_query().map_or("/", |path| path.as_str());
                let here = format!("/{}/{}", segment(org), segment(name));
                Err(Refusal::Moved(asked.replacen(&here, &format!("/{there}"), 1)))
            }
            Lookup::Missing if *caller == Caller::Stranger => Err(Refusal::bad_token()),
            Lookup::Missing => Err(Refusal::no_repo(*caller == Caller::Anonymous)),
        }
    }
}
