//! Which quantisation of a model to take here.

use hearth_fit::Label;

use crate::VariantRow;
use crate::suggestions::quick_enough;

/// Marks the one to take among those that fit: the largest that is quick enough to talk with, but none larger than Q8_0,
/// which nobody tells from the original. Where none is quick, the smallest of four bits or more: below, models lose
/// more than the wait is worth.
pub(crate) fn recommend(rows: &mut [VariantRow]) {
    let fits: Vec<usize> = (0..rows.len())
        .filter(|&index| {
            let row = &rows[index];
            let float = row.name.contains("F16") || row.name.contains("F32");
            !float
                && row
                    .verdict
                    .as_ref()
                    .is_some_and(|verdict| verdict.label == Label::Fits)
        })
        .collect();
    // Quantisations of the same files differ in memory alone.
    let size = |&index: &usize| {
        let row = &rows[index];
        let weights = row
            .verdict
            .as_ref()
            .map_or(0, |verdict| verdict.memory.weights_bytes);
        (weights, row.size_bytes)
    };
    let quick = |&index: &usize| rows[index].verdict.as_ref().is_some_and(quick_enough);
    let coarse = |&index: &usize| {
        ["Q2", "Q3", "IQ"]
            .iter()
            .any(|few| rows[index].name.contains(few))
    };
    let of = |chosen: &dyn Fn(&usize) -> bool| fits.iter().copied().filter(chosen).collect::<Vec<_>>();
    let best = of(&quick)
        .into_iter()
        .max_by_key(size)
        .or_else(|| of(&|index| !coarse(index)).into_iter().min_by_key(size))
        .or_else(|| fits.iter().copied().max_by_key(size));
    if let Some(best) = best {
        rows[best].recommended = true;
    }
}

#[cfg(test)]
mod tests {
    use hearth_fit::{Basis, MemoryNeed, Speed, Verdict};

    use super::*;
    use crate::VariantState;

    fn row(name: &str, size_bytes: u64, label: Label, tokens_per_second: f64) -> VariantRow {
        let verdict = Verdict {
            label,
            memory: MemoryNeed::default(),
            usable_bytes: 0,
            total_bytes: 0,
            card: None,
            context: 4096,
            largest_context: None,
            decode: Some(Speed {
                tokens_per_second,
                low: tokens_per_second,
                high: tokens_per_second,
            }),
            prompt: None,
            reason: None,
            basis: Basis::Formula,
        };
        VariantRow {
            name: name.to_owned(),
            quantised_here: false,
            files: Vec::new(),
            size_bytes,
            verdict: Some(verdict),
            reason: None,
            state: VariantState::Available,
            owner: None,
            recommended: false,
        }
    }

    fn recommended(rows: &[(&str, u64, Label, f64)]) -> Option<String> {
        let mut rows: Vec<_> = rows
            .iter()
            .map(|&(name, size, label, speed)| row(name, size, label, speed))
            .collect();
        recommend(&mut rows);
        let mut names = rows.into_iter().filter(|row| row.recommended).map(|row| row.name);
        let first = names.next();
        assert_eq!(names.next(), None);
        first
    }

    #[test]
    fn the_largest_that_fits_and_is_quick_is_taken() {
        let rows = [
            ("Q2_K", 1, Label::Fits, 30.0),
            ("Q4_K_M", 2, Label::Fits, 20.0),
            ("Q8_0", 4, Label::Fits, 10.0),
            ("F16", 8, Label::Fits, 6.0),
        ];
        assert_eq!(recommended(&rows).unwrap(), "Q8_0");
        let rows = [
            ("Q4_K_M", 2, Label::Fits, 9.0),
            ("Q6_K", 3, Label::Fits, 4.0),
            ("Q8_0", 4, Label::Tight, 9.0),
        ];
        assert_eq!(recommended(&rows).unwrap(), "Q4_K_M");
    }

    #[test]
    fn where_none_is_quick_the_smallest_that_is_not_coarse_is_taken() {
        let rows = [
            ("Q2_K", 1, Label::Fits, 2.0),
            ("Q4_K_M", 2, Label::Fits, 1.0),
            ("Q8_0", 4, Label::Fits, 0.5),
        ];
        assert_eq!(recommended(&rows).unwrap(), "Q4_K_M");
        assert_eq!(recommended(&rows[..1]).unwrap(), "Q2_K");
        assert_eq!(recommended(&[("Q4_K_M", 2, Label::TooBig, 9.0)]), None);
    }
}
