//! The verdict in a word.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The verdict in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Label {
    /// It takes at most 80 % of the usable memory.
    Fits,
    /// It takes at most 95 %: it runs, and leaves little for anything else.
    Tight,
    /// It takes more.
    TooBig,
    /// The engine cannot run it on any computer like this one.
    EngineCannot,
}

impl Label {
    /// What memory says.
    pub(crate) fn of(peak_bytes: u64, usable_bytes: u64) -> Self {
        let (peak, usable) = (u128::from(peak_bytes), u128::from(usable_bytes));
        if peak * 100 <= usable * 80 {
            Self::Fits
        } else if peak * 100 <= usable * 95 {
            Self::Tight
        } else {
            Self::TooBig
        }
    }
}
