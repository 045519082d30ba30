//! What a training thread and the asynchronous side of its slot know of each other.
//!
//! The asynchronous side writes what is wanted and until when the lease is good; the training thread reads both at
//! every step and leaves signs of life. Nothing here touches what is computed.

use crate::job::Desired;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a training thread is to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Take the next step.
    Train,
    /// Leave a checkpoint of the present step and stop.
    Stop(StopReason),
    /// Stop at once and leave nothing: another worker may have the job.
    Abandon,
}

/// Why training stops before its last step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopReason {
    /// The user wants a pause.
    Pause,
    /// The user wants no more of it.
    Cancel,
    /// The process ends; another will go on.
    Shutdown,
}

/// The step of a thread that has not yet said where it begins.
const NOT_BEGUN: u64 = u64::MAX;

/// The meeting point of the two sides.
#[derive(Debug)]
pub struct Control {
    /// Instants are kept as milliseconds since this one.
    born: Instant,
    desired: AtomicU8,
    shutdown: AtomicBool,
    abandoned: AtomicBool,
    lease_until: AtomicU64,
    /// The same by the clock on the wall, in milliseconds since 1970: it goes on while the machine sleeps.
    lease_until_on_the_wall: AtomicU64,
    alive_until: AtomicU64,
    step: AtomicU64,
    /// Steps that this process trained, also those that it made again.
    trained: AtomicU64,
    /// Wakes a training thread that waits for its lease.
    changed: (Mutex<()>, Condvar),
}

impl Control {
    /// A control whose lease is good until `lease_until`; `None` for a run that needs no lease.
    #[must_use]
    pub fn new(lease_until: Option<Instant>) -> Self {
        let control = Self {
            born: Instant::now(),
            desired: AtomicU8::new(0),
            shutdown: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            lease_until: AtomicU64::new(u64::MAX),
            lease_until_on_the_wall: AtomicU64::new(u64::MAX),
            alive_until: AtomicU64::new(u64::MAX),
            step: AtomicU64::new(NOT_BEGUN),
            trained: AtomicU64::new(0),
            changed: (Mutex::new(()), Condvar::new()),
        };
        if let Some(until) = lease_until {
            control.renewed(until);
        }
        control
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.born).as_millis()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> u64 {
        self.millis(Instant::now())
    }

    // -- the asynchronous side --

    /// Passes on what the user wants.
    pub fn set_desired(&self, desired: Desired) {
        let code = match desired {
            Desired::Run => 0,
            Desired::Pause => 1,
            Desired::Cancel => 2,
        };
        self.desired.store(code, Ordering::Release);
        self.wake();
    }

    /// Says that the process is about to end.
    pub fn shut_down(&self) {
        self.shutdown.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether [`Self::shut_down`] was called.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.load(Ordering::Acquire)
    }

    /// Says that the job is no longer ours.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether [`Self::abandon`] was called.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Says until when the lease is good.
    pub fn renewed(&self, until: Instant) {
        self.lease_until.store(self.millis(until), Ordering::Release);
        let left = until.saturating_duration_since(Instant::now());
        self.lease_until_on_the_wall.store(on_the_wall().saturating_add(as_millis(left)), Ordering::Release);
        self.wake();
    }

    /// Whether the lease has lapsed without a renewal, by either clock.
    #[must_use]
    pub fn has_lapsed(&self) -> bool {
        self.now() >= self.lease_until.load(Ordering::Acquire)
            || on_the_wall() >= self.lease_until_on_the_wall.load(Ordering::Acquire)
    }

    /// The step training has come to.
    #[must_use]
    pub fn step(&self) -> u64 {
        match self.step.load(Ordering::Relaxed) {
            NOT_BEGUN => 0,
            step => step,
        }
    }

    /// How many steps the training thread has taken. Neither the step it began at nor one it went back to counts.
    #[must_use]
    pub fn trained(&self) -> u64 {
        self.trained.load(Ordering::Relaxed)
    }

    /// Whether the training thread has given no sign of life for longer than what it does may take.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.now() > self.alive_until.load(Ordering::Acquire)
    }

    fn wake(&self) {
        // Taken so that a thread between its look at the order and its wait cannot miss the call.
        let _guard = self.changed.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.changed.1.notify_all();
    }

    // -- the training thread --

    /// Leaves a sign of life after `step` steps, and says what to do next. Waits while the lease is not known to be
    /// good: the state is kept, no step is taken that may be in vain.
    #[must_use]
    pub fn next(&self, step: u64, stall: Duration) -> Order {
        let before = self.step.swap(step, Ordering::Relaxed);
        if before != NOT_BEGUN {
            self.trained.fetch_add(step.saturating_sub(before), Ordering::Relaxed);
        }
        let now = self.now();
        self.alive_until.store(now.saturating_add(as_millis(stall)), Ordering::Release);
        if now >= self.lease_until.load(Ordering::Acquire) {
            self.waiting(stall, || self.wait_for_lease());
        }
        self.order()
    }

    /// Announces something that may take as long as `limit` without a sign of life.
    pub fn busy(&self, limit: Duration) {
        self.alive_until.store(self.now().saturating_add(as_millis(limit)), Ordering::Release);
    }

    /// Runs `wait`, which waits for the asynchronous side: however long that takes, this thread is not hung.
    pub fn waiting<T>(&self, stall: Duration, wait: impl FnOnce() -> T) -> T {
        self.alive_until.store(u64::MAX, Ordering::Release);
        let result = wait();
        self.busy(stall);
        result
    }

    /// What to do, as things stand.
    #[must_use]
    pub fn order(&self) -> Order {
        if self.is_abandoned() {
            return Order::Abandon;
        }
        match self.desired.load(Ordering::Acquire) {
            2 => Order::Stop(StopReason::Cancel),
            1 => Order::Stop(StopReason::Pause),
            _ if self.shutdown.load(Ordering::Acquire) => Order::Stop(StopReason::Shutdown),
            _ => Order::Train,
        }
    }

    /// Waits until the lease is renewed or there is something else to do than to train.
    fn wait_for_lease(&self) {
        let mut guard = self.changed.0.lock().unwrap_or_else(PoisonError::into_inner);
        while self.now() >= self.lease_until.load(Ordering::Acquire) && self.order() == Order::Train {
            guard = self.changed.1.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Milliseconds since 1970.
fn on_the_wall() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, as_millis)
}

fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Control, Order, StopReason};
    use crate::job::Desired;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    const STALL: Duration = Duration::from_secs(60);

    #[test]
    fn the_users_wish_goes_before_a_shutdown_and_a_lost_lease_before_both() {
        let control = Control::new(None);
        assert_eq!(control.next(1, STALL), Order::Train);
        control.shut_down();
        assert_eq!(control.next(2, STALL), Order::Stop(StopReason::Shutdown));
        control.set_desired(Desired::Pause);
        assert_eq!(control.next(2, STALL), Order::Stop(StopReason::Pause));
        control.set_desired(Desired::Cancel);
        assert_eq!(control.next(2, STALL), Order::Stop(StopReason::Cancel));
        control.abandon();
        assert_eq!(control.next(2, STALL), Order::Abandon);
        assert_eq!(control.step(), 2);
    }

    #[test]
    fn a_withdrawn_pause_lets_training_go_on() {
        let control = Control::new(None);
        control.set_desired(Desired::Pause);
        control.set_desired(Desired::Run);
        assert_eq!(control.next(1, STALL), Order::Train);
    }

    #[test]
    fn only_steps_that_were_taken_here_count_as_trained() {
        let control = Control::new(None);
        assert_eq!((control.step(), control.trained()), (0, 0));
        // Resumed at 1,000; back to 1,001 after two steps.
        for (step, trained) in [(1000, 0), (1001, 1), (1002, 2), (1001, 2), (1002, 3)] {
            assert_eq!(control.next(step, STALL), Order::Train);
            assert_eq!((control.step(), control.trained()), (step, trained));
        }
    }

    #[test]
    fn without_a_good_lease_training_waits_until_it_is_renewed_or_lost() {
        for (renew, expected) in [(true, Order::Train), (false, Order::Abandon)] {
            let control = Arc::new(Control::new(Some(Instant::now())));
            let training = std::thread::spawn({
                let control = Arc::clone(&control);
                move || control.next(5, STALL)
            });
            while control.step() != 5 {
                std::thread::yield_now();
            }
            if renew {
                control.renewed(Instant::now() + STALL);
            } else {
                control.abandon();
            }
            assert_eq!(training.join().unwrap(), expected);
        }
    }

    #[test]
    fn a_thread_that_leaves_no_sign_of_life_is_stalled_unless_it_waits_for_us() {
        let control = Control::new(None);
        let _ = control.next(1, Duration::ZERO);
        let begun = Instant::now();
        while !control.is_stalled() {
            assert!(begun.elapsed() < STALL);
            std::thread::yield_now();
        }
        control.waiting(STALL, || assert!(!control.is_stalled()));
        assert!(!control.is_stalled());
    }
}
