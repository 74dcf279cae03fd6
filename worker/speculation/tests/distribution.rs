//! Drafts do not change what a model says, only how soon: the distribution of tokens is the target's.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use hearth_speculation::Run;

/// A language of eight words in which the next depends on the last two.
const WORDS: usize = 8;
const SAMPLES: usize = 60_000;

/// How the target's distribution is bent before a token is chosen from it.
#[derive(Clone, Copy, Debug)]
struct Sampling {
    temperature: f64,
    top_k: usize,
    top_p: f64,
    min_p: f64,
    penalty: f64,
}

const PLAIN: Sampling = Sampling {
    temperature: 1.0,
    top_k: WORDS,
    top_p: 1.0,
    min_p: 0.0,
    penalty: 0.0,
};

/// The target's probabilities after this text.
fn target(text: &[usize], sampling: Sampling) -> [f64; WORDS] {
    let &[before, last] = text.last_chunk().expect("a text begins with two words");
    let logit = |word: usize| {
        let fixed = ((word * 31 + last * 17 + before * 7) % 13) as f64 / 4.0;
        let repeated = text[text.len().saturating_sub(4)..].contains(&word);
        (fixed - if repeated { sampling.penalty } else { 0.0 }) / sampling.temperature
    };
    let mut probabilities: [f64; WORDS] = std::array::from_fn(|word| logit(word).exp());
    let normal = |probabilities: &mut [f64; WORDS]| {
        let sum: f64 = probabilities.iter().sum();
        probabilities
            .iter_mut()
            .for_each(|probability| *probability /= sum);
    };
    normal(&mut probabilities);
    let mut order: [usize; WORDS] = std::array::from_fn(|word| word);
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let best = probabilities[order[0]];
    let mut sum = 0.0;
    for (rank, &word) in order.iter().enumerate() {
        if rank >= sampling.top_k || sum >= sampling.top_p || probabilities[word] < sampling.min_p * best {
            probabilities[word] = 0.0;
        }
        sum += probabilities[word];
    }
    normal(&mut probabilities);
    probabilities
}

fn choose(probabilities: &[f64; WORDS], random: &mut fastrand::Rng) -> usize {
    let mut left = random.f64();
    for (word, probability) in probabilities.iter().enumerate() {
        left -= probability;
        if left < 0.0 {
            return word;
        }
    }
    WORDS - 1
}

/// What the target would most likely say next, three times in a row: a good draft, and far from its distribution.
fn draft(text: &[usize], sampling: Sampling) -> Vec<usize> {
    let mut text = text.to_vec();
    for _ in 0..3 {
        let probabilities = target(&text, sampling);
        let likely = (0..WORDS).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
        text.push(likely.expect("there are words"));
    }
    text.split_off(text.len() - 3)
}

/// One pass: the tokens that it adds to the text.
type Rule = fn(&[usize], &[usize], Sampling, &mut fastrand::Rng) -> Vec<usize>;

fn by_run(text: &[usize], draft: &[usize], sampling: Sampling, random: &mut fastrand::Rng) -> Vec<usize> {
    let tokens: Vec<u32> = draft.iter().map(|&word| word as u32).collect();
    let mut run = Run::new(&tokens);
    let mut text = text.to_vec();
    let start = text.len();
    loop {
        let chosen = choose(&target(&text, sampling), random);
        text.push(chosen);
        if !run.chose(chosen as u32) {
            return text.split_off(start);
        }
    }
}

/// Wrong: a drafted token stands when the target thinks it likely enough.
fn by_threshold(
    text: &[usize],
    draft: &[usize],
    sampling: Sampling,
    random: &mut fastrand::Rng,
) -> Vec<usize> {
    while_it_stands(text, draft, sampling, random, |probability, _| probability >= 0.3)
}

/// Wrong: where a drafted token falls, the one in its place is chosen from all of them, it included.
fn by_choosing_again(
    text: &[usize],
    draft: &[usize],
    sampling: Sampling,
    random: &mut fastrand::Rng,
) -> Vec<usize> {
    while_it_stands(text, draft, sampling, random, |probability, random| {
        random.f64() < probability
    })
}

fn while_it_stands(
    text: &[usize],
    draft: &[usize],
    sampling: Sampling,
    random: &mut fastrand::Rng,
    stands: fn(f64, &mut fastrand::Rng) -> bool,
) -> Vec<usize> {
    let mut text = text.to_vec();
    let start = text.len();
    for &word in draft {
        if !stands(target(&text, sampling)[word], random) {
            break;
        }
        text.push(word);
    }
    text.push(choose(&target(&text, sampling), random));
    text.split_off(start)
}

/// Pearson's chi-squared over all contexts, as a number of standard deviations from what is to be expected when the tokens
/// come from the target's distribution. Only without a penalty: there the last two words are the whole context.
fn deviation(rule: Rule, sampling: Sampling) -> f64 {
    let mut random = fastrand::Rng::with_seed(11);
    let mut text = vec![0, 1];
    while text.len() < SAMPLES {
        let drafted = draft(&text, sampling);
        text.extend(rule(&text, &drafted, sampling, &mut random));
    }
    let mut expected = vec![0.0; WORDS.pow(3)];
    let mut observed = vec![0.0; WORDS.pow(3)];
    for at in 2..text.len() {
        let probabilities = target(&text[..at], sampling);
        // The penalty looks back four words; summed over texts, what is expected is still the sum of probabilities.
        let context = text[at - 2] * WORDS + text[at - 1];
        for (word, probability) in probabilities.iter().enumerate() {
            expected[context * WORDS + word] += probability;
        }
        observed[context * WORDS + text[at]] += 1.0;
    }
    let (mut squares, mut freedom) = (0.0, 0.0);
    for context in 0..WORDS * WORDS {
        let cells = context * WORDS..(context + 1) * WORDS;
        let usable: Vec<usize> = cells.filter(|&cell| expected[cell] >= 5.0).collect();
        for &cell in &usable {
            squares += (observed[cell] - expected[cell]).powi(2) / expected[cell];
        }
        freedom += usable.len().saturating_sub(1) as f64;
    }
    (squares - freedom) / (2.0 * freedom).sqrt()
}

fn samplings() -> Vec<Sampling> {
    let mut all = vec![PLAIN];
    all.extend([0.3, 0.7, 1.5].map(|temperature| Sampling { temperature, ..PLAIN }));
    all.extend([0.5, 0.9].map(|top_p| Sampling { top_p, ..PLAIN }));
    all.extend([2, 5].map(|top_k| Sampling { top_k, ..PLAIN }));
    all.push(Sampling { min_p: 0.2, ..PLAIN });
    all.push(Sampling {
        penalty: 1.0,
        ..PLAIN
    });
    all.push(Sampling {
        temperature: 0.8,
        top_k: 6,
        top_p: 0.95,
        min_p: 0.05,
        penalty: 0.5,
    });
    all
}

/// More than four standard deviations would come by chance once in thirty thousand times.
const CHANCE: f64 = 4.0;

#[test]
fn tokens_come_from_the_targets_distribution() {
    for sampling in samplings() {
        let deviation = deviation(by_run, sampling);
        assert!(deviation < CHANCE, "{sampling:?}: {deviation}");
    }
}

#[test]
fn a_wrong_rule_would_be_found_out() {
    for rule in [by_threshold as Rule, by_choosing_again as Rule] {
        assert!(deviation(rule, PLAIN) > 10.0 * CHANCE);
    }
}

#[test]
fn without_chance_the_text_is_the_one_without_drafts() {
    let greedy = Sampling { top_k: 1, ..PLAIN };
    let mut random = fastrand::Rng::with_seed(1);
    let (mut plain, mut drafted) = (vec![0, 1], vec![0, 1]);
    while plain.len() < 500 {
        plain.push(choose(&target(&plain, greedy), &mut random));
    }
    while drafted.len() < 500 {
        let draft = draft(&drafted, greedy);
        let more = by_run(&drafted, &draft, greedy, &mut random);
        assert_eq!(more.len(), 4, "the whole draft stands, and a token more");
        drafted.extend(more);
    }
    assert_eq!(plain, drafted[..500]);
}
