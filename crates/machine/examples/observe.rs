//! Prints what this computer's sources say, in the form of `fixtures/*.json`.

use hearth_machine::{Observed, ThisComputer};

fn main() -> Result<(), serde_json::Error> {
    let about = std::env::args().nth(1).unwrap_or_default();
    let observed = Observed::of(&ThisComputer::new(), &about);
    println!("{}", serde_json::to_string_pretty(&observed)?);
    Ok(())
}
