//! Threads that compute together.
//!
//! A token takes hundreds of products of some ten microseconds to a millisecond, so threads have to meet in less than what
//! waking one takes. They spin, then, but not for long: who waits for work goes to sleep after [`PATIENCE`], and who waits
//! for the others' last parts sleeps as well, because an idle core takes up a thread that another program has pushed aside.
//! A thread that has not begun when the parts are all given away is not waited for.

#![allow(unsafe_code, reason = "threads that live on borrow the work of one call")]

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Longer than the pauses between the products of a token, so that threads are awake for each of them.
const PATIENCE: Duration = Duration::from_micros(150);
/// Looks between two looks at the clock.
const LOOKS: usize = 32;
/// Times that each thread comes for more, so that a slow one holds up only its last few parts.
const SHARES: usize = 8;

/// In [`Shared::state`]: how many threads are at work; whether more may join; the number of the work.
const INSIDE: usize = 0xffff;
const OPEN: usize = INSIDE + 1;
const NUMBER: usize = OPEN << 1;

thread_local! {
    /// This thread is one of a pool's, or in a call of one: what it calls is done on the spot.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Some threads. They end with the process, or when the pool is dropped.
pub struct Pool {
    shared: Arc<Shared>,
    helpers: Vec<Thread>,
    call: Mutex<()>,
}

/// What is to be done: the work's parts, and who does them.
struct Shared {
    state: AtomicUsize,
    /// The next part that nobody has taken.
    next: AtomicUsize,
    work: UnsafeCell<Work>,
    asleep: Box<[AtomicBool]>,
    /// The caller sleeps until the last thread has left.
    waiting: AtomicBool,
    ended: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

#[derive(Clone, Copy)]
struct Work {
    parts: usize,
    /// Parts taken at once.
    share: usize,
    part: *const (dyn Fn(usize) + Sync),
    caller: *const Thread,
}

// SAFETY: `work` is written while nobody is inside and read only by threads inside; what it points to outlives their stay.
unsafe impl Sync for Shared {}
// SAFETY: the pointers are only followed as said above.
unsafe impl Send for Shared {}

/// The pool of this process: as many threads as `RAYON_NUM_THREADS` says, or as the processor has.
pub fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        let told = std::env::var("RAYON_NUM_THREADS");
        let threads = told.ok().and_then(|threads| threads.parse().ok());
        Pool::new(threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from)))
    })
}

impl Pool {
    /// A pool of so many threads, the calling one included. One that the system refuses is done without.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let most = threads.saturating_sub(1).min(INSIDE - 1);
        let shared = Arc::new(Shared {
            state: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            work: UnsafeCell::new(Work {
                parts: 0,
                share: 1,
                part: &|_| {},
                caller: std::ptr::null(),
            }),
            asleep: (0..most).map(|_| AtomicBool::new(false)).collect(),
            waiting: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            panic: Mutex::default(),
        });
        let help = |index| {
            let shared = shared.clone();
            let builder = thread::Builder::new().name(format!("hearth-{index}"));
            builder.spawn(move || shared.help(index)).ok()
        };
        let helpers = (0..most).map_while(help).map(|thread| thread.thread().clone());
        Self {
            helpers: helpers.collect(),
            shared,
            call: Mutex::default(),
        }
    }

    /// Calls `part` with every number below `parts`, on all threads at once, and returns when all are done.
    ///
    /// # Panics
    /// When `part` does, once no thread is in it any more.
    pub fn run(&self, parts: usize, part: &(dyn Fn(usize) + Sync)) {
        if parts < 2 || self.helpers.is_empty() || BUSY.replace(true) {
            (0..parts).for_each(part);
            return;
        }
        let shared = &*self.shared;
        let caller = thread::current();
        let turn = Turn {
            shared,
            _call: lock(&self.call),
        };
        let work = Work {
            parts,
            share: (parts / ((self.helpers.len() + 1) * SHARES)).max(1),
            // SAFETY: only the lifetime changes; `turn` sees to it that no thread is inside when this call ends.
            part: unsafe {
                std::mem::transmute::<*const (dyn Fn(usize) + Sync), *const (dyn Fn(usize) + Sync)>(part)
            },
            caller: &caller,
        };
        // SAFETY: the turn before ended with nobody inside, and nobody enters before the work is open.
        unsafe { *shared.work.get() = work };
        shared.next.store(0, Ordering::Relaxed);
        let number = shared.state.load(Ordering::Relaxed) & !(NUMBER - 1);
        shared
            .state
            .store(number.wrapping_add(NUMBER) | OPEN, Ordering::SeqCst);
        for (asleep, helper) in shared.asleep.iter().zip(&self.helpers) {
            if asleep.load(Ordering::SeqCst) && asleep.swap(false, Ordering::SeqCst) {
                helper.unpark();
            }
        }
        shared.take_parts(work);
        drop(turn);
        BUSY.set(false);
        if let Some(panic) = lock(&shared.panic).take() {
            resume_unwind(panic);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.helpers.iter().for_each(Thread::unpark);
    }
}

/// One call's work. However it ends, nobody is left inside.
struct Turn<'a> {
    shared: &'a Shared,
    _call: MutexGuard<'a, ()>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let shared = self.shared;
        shared.state.fetch_and(!OPEN, Ordering::SeqCst);
        let empty = || shared.state.load(Ordering::SeqCst) & INSIDE == 0;
        while !spin_until(empty) {
            shared.waiting.store(true, Ordering::SeqCst);
            if !empty() {
                thread::park();
            }
            shared.waiting.store(false, Ordering::SeqCst);
        }
        if thread::panicking() {
            BUSY.set(false);
        }
    }
}

impl Shared {
    fn help(&self, index: usize) {
        BUSY.set(true);
        let mut done = 0;
        loop {
            let is_new = || {
                let state = self.state.load(Ordering::SeqCst);
                (state & OPEN != 0 && state / NUMBER != done) || self.ended.load(Ordering::Relaxed)
            };
            while !spin_until(is_new) {
                self.asleep[index].store(true, Ordering::SeqCst);
                if !is_new() {
                    thread::park();
                }
                self.asleep[index].store(false, Ordering::SeqCst);
            }
            if self.ended.load(Ordering::Relaxed) {
                return;
            }
            let enter = |state: usize| (state & OPEN != 0).then_some(state + 1);
            if let Ok(state) = self.state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, enter) {
                done = state / NUMBER;
                self.work_inside();
            }
        }
    }

    /// Does what is left of the work, and leaves.
    fn work_inside(&self) {
        // SAFETY: this thread is inside.
        let work = unsafe { *self.work.get() };
        // SAFETY: the caller waits until this thread has left.
        let caller = unsafe { (*work.caller).clone() };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.take_parts(work))) {
            lock(&self.panic).get_or_insert(panic);
        }
        let before = self.state.fetch_sub(1, Ordering::SeqCst);
        if before & INSIDE == 1 && self.waiting.load(Ordering::SeqCst) {
            caller.unpark();
        }
    }

    fn take_parts(&self, work: Work) {
        // SAFETY: the call that it belongs to has not ended.
        let part = unsafe { &*work.part };
        loop {
            let first = self.next.fetch_add(work.share, Ordering::Relaxed);
            if first >= work.parts {
                return;
            }
            (first..work.parts.min(first + work.share)).for_each(part);
        }
    }
}

/// Looks until it is so or patience is at an end. Whoever else is to run on this core may.
fn spin_until(is_so: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    loop {
        for _ in 0..LOOKS {
            if is_so() {
                return true;
            }
            std::hint::spin_loop();
        }
        if start.elapsed() > PATIENCE {
            return is_so();
        }
        thread::yield_now();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
