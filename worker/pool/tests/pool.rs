//! Every part is done once, whatever the others do.

#![allow(clippy::panic, reason = "one of the tests is about panics")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hearth_pool::Pool;

fn all_done_once(pool: &Pool, parts: usize, pause: impl Fn(usize) + Sync) {
    let done: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
    pool.run(parts, &|part| {
        pause(part);
        done[part].fetch_add(1, Ordering::Relaxed);
    });
    assert!(
        done.iter().all(|done| done.load(Ordering::Relaxed) == 1),
        "{parts} parts"
    );
}

#[test]
fn every_part_is_done_once() {
    let mut random = fastrand::Rng::with_seed(1);
    for threads in [1, 2, 3, 8] {
        let pool = Pool::new(threads);
        for _ in 0..3000 {
            all_done_once(&pool, random.usize(0..200), |_| {});
        }
    }
}

#[test]
fn threads_that_sleep_or_are_held_up_lose_nothing() {
    let pool = Pool::new(4);
    for round in 0..40 {
        all_done_once(&pool, 50, |part| {
            if part % 17 == round % 17 {
                std::thread::sleep(Duration::from_micros(300));
            }
        });
        // Longer than they spin.
        std::thread::sleep(Duration::from_micros(400 * (round as u64 % 2)));
    }
}

#[test]
fn calls_from_many_threads_and_from_inside_are_served() {
    let pool = Pool::new(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..200 {
                    all_done_once(&pool, 20, |_| all_done_once(&pool, 3, |_| {}));
                }
            });
        }
    });
}

#[test]
fn a_panic_comes_back_to_the_caller_and_the_pool_goes_on() {
    let pool = Pool::new(4);
    for part in [0, 7, 63] {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            pool.run(64, &|index| {
                std::thread::sleep(Duration::from_micros(50));
                assert!(index != part, "part {part}");
            });
        }));
        assert!(caught.is_err(), "{part}");
        all_done_once(&pool, 64, |_| {});
    }
}
