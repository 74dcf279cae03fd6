//! How close the choice of lengths comes to the best there is, on machines and texts of many kinds.

use hearth_speculation::{GRADES, MOST, Pace, Pass};

/// A machine, a text, and the speed that drafting reaches there as a multiple of plain decoding.
struct World {
    /// What a token more adds to a pass, as a part of a pass over one.
    slope: f64,
    acceptance: fn(usize) -> f64,
    /// What drafting a token takes, as a part of a pass over one.
    drafting: f64,
    tokens: usize,
}

impl World {
    fn speed(&self, seed: u64) -> f64 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut pace = Pace::new([0.5; GRADES]);
        let (mut written, mut time) = (0, 0.0);
        while written < self.tokens {
            let drafted = pace.length(0, MOST);
            let acceptance = (self.acceptance)(written);
            let accepted = (0..drafted).take_while(|_| random.f64() < acceptance).count();
            // Times differ by a tenth, as they do.
            let noise = 0.9 + 0.2 * random.f64();
            let seconds = 0.1 * noise * (1.0 + self.slope * drafted as f64);
            let drafting = 0.1 * self.drafting * drafted as f64;
            pace.record(Pass {
                grade: 0,
                drafted,
                asked: drafted,
                accepted,
                next: None,
                seconds,
                drafting,
                catching_up: 0.0,
            });
            written += 1 + accepted;
            time += seconds + drafting;
        }
        0.1 * written as f64 / time
    }

    /// The best that one length for all passes reaches, in theory.
    fn best(&self, acceptance: f64) -> f64 {
        (0..=MOST)
            .map(|length| {
                let tokens: f64 = (0..=length).map(|many| acceptance.powi(many as i32)).sum();
                tokens / (1.0 + (self.slope + self.drafting) * length as f64)
            })
            .fold(0.0, f64::max)
    }
}

#[test]
fn it_is_never_slower_and_close_to_the_best() {
    const ACCEPTANCES: [fn(usize) -> f64; 6] = [|_| 0.0, |_| 0.2, |_| 0.4, |_| 0.6, |_| 0.8, |_| 0.95];
    for slope in [0.02, 0.1, 0.25, 0.5, 1.0] {
        for drafting in [0.0, 0.1, 0.2] {
            for acceptance in ACCEPTANCES {
                let world = World {
                    slope,
                    acceptance,
                    drafting,
                    tokens: 1000,
                };
                let (speed, best) = (world.speed(3), world.best(acceptance(0)));
                let told = format!("slope {slope}, drafting {drafting}, acceptance {}", acceptance(0));
                assert!(speed >= 0.97, "{told}: {speed}");
                assert!(speed >= 0.85 * best, "{told}: {speed} of {best}");
            }
        }
    }
}

#[test]
fn a_short_reply_loses_little_to_drafts_that_never_stand() {
    for seed in 0..20 {
        let world = World {
            slope: 0.25,
            acceptance: |_| 0.0,
            drafting: 0.0,
            tokens: 128,
        };
        assert!(world.speed(seed) >= 0.97, "{}", world.speed(seed));
    }
}

#[test]
fn it_follows_a_text_that_changes() {
    let world = World {
        slope: 0.1,
        acceptance: |written| if written < 1000 { 0.0 } else { 0.9 },
        drafting: 0.0,
        tokens: 3000,
    };
    // A third of the time nothing stands.
    let ideal = 3.0 / (1.0 + 2.0 / world.best(0.9));
    assert!(world.speed(5) > 0.85 * ideal, "{} of {ideal}", world.speed(5));
}
