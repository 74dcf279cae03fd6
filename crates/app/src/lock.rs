//! Locks that outlive a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the mutex guards. A lock is held for one look or one change, so that what a panic leaves is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
