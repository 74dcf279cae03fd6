//! What a draft model's being sure is worth: drafts that end where it is not, beside drafts of the best single length.

use hearth_speculation::{Confidence, GRADES, Growth, MOST, Pace, Pass};

/// The drafting model's grade.
const MODEL: usize = 3;

/// How far a draft model's next token is ahead of the one after it, and how probably it stands.
type Token = fn(&mut fastrand::Rng) -> (f32, f64);

/// A machine, and a draft model.
struct World {
    /// What a token more adds to a pass, and what drafting one takes, as parts of a pass over one.
    slope: f64,
    drafting: f64,
    token: Token,
    acceptance: f64,
}

impl World {
    /// The speed of a reply as a multiple of plain decoding.
    fn speed(&self, seed: u64) -> f64 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut pace = Pace::new([0.7; GRADES]);
        let mut confidence = Confidence::default();
        let (mut written, mut time) = (0, 0.0);
        while written < 2000 {
            let mut drafted = Vec::new();
            let mut asked = 0;
            let length = pace.length(MODEL, MOST);
            if length > 0 {
                let terms = pace.terms(MODEL);
                let length = if terms.is_some() { MOST } else { length };
                let mut growth = Growth::new(&confidence, terms);
                while drafted.len() < length {
                    let (lead, stands) = (self.token)(&mut random);
                    drafted.push((lead, random.f64() < stands));
                    if !growth.goes_on(lead) {
                        break;
                    }
                }
                asked = drafted.len() - usize::from(!growth.keeps_last());
            }
            let stood = drafted.iter().take_while(|(_, stands)| *stands).count();
            let accepted = stood.min(asked);
            let next = drafted.get(asked).filter(|_| accepted == asked);
            let seconds = 0.1 * (0.9 + 0.2 * random.f64()) * (1.0 + self.slope * asked as f64);
            let drafting = 0.1 * self.drafting * drafted.len() as f64;
            let pass = Pass {
                grade: MODEL,
                drafted: drafted.len(),
                asked,
                accepted,
                next: next.map(|(_, stands)| *stands),
                seconds,
                drafting,
                catching_up: 0.0,
            };
            for (&(lead, _), stood) in drafted.iter().zip(pass.stood()) {
                confidence.record(lead, stood);
            }
            pace.record(pass);
            written += 1 + accepted;
            time += seconds + drafting;
        }
        0.1 * written as f64 / time
    }

    /// The best that one length for all passes reaches, in theory.
    fn best(&self) -> f64 {
        let speed = |length: usize| {
            let tokens: f64 = (0..=length).map(|many| self.acceptance.powi(many as i32)).sum();
            tokens / (1.0 + (self.slope + self.drafting) * length as f64)
        };
        (0..=MOST).map(speed).fold(0.0, f64::max)
    }
}

/// Machines with such a draft model.
fn worlds(token: Token, acceptance: f64) -> impl Iterator<Item = World> {
    [(0.05, 0.1), (0.2, 0.1), (0.2, 0.2), (0.4, 0.15)]
        .into_iter()
        .map(move |(slope, drafting)| World {
            slope,
            drafting,
            token,
            acceptance,
        })
}

#[test]
fn a_model_that_knows_when_it_is_unsure_is_worth_more_than_any_one_length() {
    // Two of three tokens are all but certain, and the others are guesses.
    let token = |random: &mut fastrand::Rng| match random.u32(0..3) {
        0 => (0.3, 0.2),
        _ => (6.0, 0.9),
    };
    let gains: Vec<f64> = worlds(token, 2.0 / 3.0)
        .map(|world| world.speed(3) / world.best())
        .collect();
    assert!(gains.iter().sum::<f64>() > 1.04 * gains.len() as f64, "{gains:?}");
    assert!(gains.iter().all(|gain| *gain > 0.94), "{gains:?}");
}

#[test]
fn where_being_sure_tells_nothing_nothing_is_lost() {
    const TOKENS: [(f64, Token); 4] = [
        (0.2, |random| (10.0 * random.f32(), 0.2)),
        (0.6, |random| (10.0 * random.f32(), 0.6)),
        (0.8, |random| (10.0 * random.f32(), 0.8)),
        (0.95, |random| (10.0 * random.f32(), 0.95)),
    ];
    for (acceptance, token) in TOKENS {
        for world in worlds(token, acceptance) {
            let (speed, best) = (world.speed(5), world.best());
            let told = format!("slope {}, drafting {}, {acceptance}", world.slope, world.drafting);
            assert!(speed >= 0.97, "{told}: {speed}");
            assert!(speed >= 0.85 * best, "{told}: {speed} of {best}");
        }
    }
}
