//! Speculative decoding without a model in sight.
//!
//! A pass of a language model over several tokens takes little longer than one over a single token, because most of it is
//! the reading of weights. So the next tokens are *drafted*, cheaply, and the model, the *target*, is asked about all of
//! them in one pass. What it would have said itself stands, and the rest is forgotten.
//!
//! * [`lookup`] drafts without a model: what followed the last time that the text ended like this.
//! * [`Run`] says what of a draft stands.
//! * [`Pace`] says how much to draft, from what passes cost and how much of them stood.
//! * [`Growth`] ends a draft where the model that drafts is no longer sure.

mod confidence;
mod lookup;
mod pace;
mod run;

pub use confidence::{Confidence, Growth};
pub use lookup::{Found, lookup};
pub use pace::{GRADES, MOST, Pace, Pass, Terms};
pub use run::Run;
