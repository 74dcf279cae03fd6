//! Runs steps one after another and keeps what became of each.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

/// The steps that ran, in order: all of them, or those up to the first that failed.
pub struct Report {
    passed: Vec<(String, Duration)>,
    failed: Option<(String, Duration, anyhow::Error)>,
    not_run: usize,
}

impl Report {
    /// Runs each step, announcing it, until one fails.
    pub fn of<S: fmt::Display>(steps: &[S], mut run: impl FnMut(&S) -> Result<()>) -> Self {
        let mut report = Self {
            passed: Vec::new(),
            failed: None,
            not_run: 0,
        };
        for (index, step) in steps.iter().enumerate() {
            println!("\n=== {step} ({} of {})", index + 1, steps.len());
            let start = Instant::now();
            let outcome = run(step);
            let time = start.elapsed();
            match outcome {
                Ok(()) => report.passed.push((step.to_string(), time)),
                Err(error) => {
                    report.failed = Some((step.to_string(), time, error));
                    report.not_run = steps.len() - index - 1;
                    break;
                }
            }
        }
        report
    }

    /// Whether no step failed.
    pub fn passed(&self) -> bool {
        self.failed.is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        let mut total = Duration::ZERO;
        for (name, time) in &self.passed {
            total += *time;
            writeln!(f, "  ok      {:>12}  {name}", Spent(*time).to_string())?;
        }
        if let Some((name, time, error)) = &self.failed {
            total += *time;
            writeln!(f, "  FAILED  {:>12}  {name}: {error:#}", Spent(*time).to_string())?;
        }
        if self.not_run > 0 {
            writeln!(f, "  not run: {}", self.not_run)?;
        }
        writeln!(f, "  total   {:>12}", Spent(total).to_string())?;
        writeln!(
            f,
            "{} passed, {} failed",
            self.passed.len(),
            usize::from(self.failed.is_some())
        )
    }
}

/// A duration as a person says it.
struct Spent(Duration);

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds < 60 {
            write!(f, "{:.1} s", self.0.as_secs_f64())
        } else {
            write!(f, "{} min {:02} s", seconds / 60, seconds % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn the_first_failure_ends_the_run_and_is_counted() {
        let mut ran = Vec::new();
        let report = Report::of(&["format", "tidy", "tests"], |step| {
            ran.push(*step);
            if *step == "tidy" {
                bail!("two violations");
            }
            Ok(())
        });
        assert_eq!(ran, ["format", "tidy"]);
        assert!(!report.passed());
        let text = report.to_string();
        assert!(text.contains("tidy: two violations"), "{text}");
        assert!(text.contains("not run: 1"), "{text}");
        assert!(text.ends_with("\n1 passed, 1 failed\n"), "{text}");
    }

    #[test]
    fn a_run_in_which_all_pass_ends_with_the_count() {
        let report = Report::of(&["format", "tidy"], |_| Ok(()));
        assert!(report.passed());
        assert!(report.to_string().ends_with("\n2 passed, 0 failed\n"));
    }

    #[test]
    fn times_read_in_minutes_from_one_on() {
        assert_eq!(Spent(Duration::from_millis(4_230)).to_string(), "4.2 s");
        assert_eq!(Spent(Duration::from_secs(605)).to_string(), "10 min 05 s");
    }
}
