//! Room for what is drawn: how much of it is in memory at once, however many ask.
//!
//! A request takes the room for all that it draws before it comes into the line, and has it until what was drawn is let
//! go: when its answer's bytes are made, or when it is given up. It takes room once: whoever had some and waited for more
//! could wait for somebody who does the same.

use super::request::DrawError;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What small draws may take together, in bytes.
const SMALL_BYTES: u64 = 64 << 20;

/// What large draws may take together, in bytes.
const LARGE_BYTES: u64 = 448 << 20;

/// A draw of up to so many bytes is small: the pictures of a page are.
const MOST_OF_A_SMALL_DRAW: u64 = 1 << 20;

/// The bytes of one permit.
const PERMIT_BYTES: u64 = 1 << 10;

/// Room that one request has taken, until it and everything drawn in it are dropped. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Room {
    bytes: u64,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Room {
    /// For how much it was taken.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// All the room there is. Small draws have their own, so that they need not wait for large ones.
pub(super) struct Rooms {
    small: Budget,
    large: Budget,
}

impl Rooms {
    /// As much as a server gives.
    pub(super) fn new() -> Self {
        Self::of(SMALL_BYTES, LARGE_BYTES)
    }

    fn of(small_bytes: u64, large_bytes: u64) -> Self {
        Self { small: Budget::new(small_bytes), large: Budget::new(large_bytes) }
    }

    /// Waits for room for so many bytes; whoever comes first has it first.
    pub(super) async fn take(&self, bytes: u64) -> Result<Room, DrawError> {
        let budget = if bytes <= MOST_OF_A_SMALL_DRAW { &self.small } else { &self.large };
        Ok(Room { bytes, _permit: Arc::new(budget.take(bytes).await?) })
    }
}

struct Budget {
    permits: Arc<Semaphore>,
    all: u32,
}

impl Budget {
    fn new(bytes: u64) -> Self {
        let all = permits(bytes);
        Self { permits: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// What needs more than there is takes all of it: alone it may be as large as it is, and it does not wait for ever.
    async fn take(&self, bytes: u64) -> Result<OwnedSemaphorePermit, DrawError> {
        let wanted = permits(bytes).min(self.all);
        Arc::clone(&self.permits).acquire_many_owned(wanted).await.map_err(|_| DrawError::Stopped)
    }
}

fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use std::pin::pin;

    const MIB: u64 = 1 << 20;

    /// Room, if there is some at once.
    fn at_once(rooms: &Rooms, bytes: u64) -> Option<Room> {
        rooms.take(bytes).now_or_never().map(Result::unwrap)
    }

    #[test]
    fn however_many_ask_no_more_is_taken_than_there_is() {
        let rooms = Rooms::of(8 * MIB, 100 * MIB);
        let mut taken: Vec<Room> = (0..100).map_while(|_| at_once(&rooms, 35 * MIB)).collect();
        assert_eq!(taken.len(), 2);
        assert!(at_once(&rooms, 30 * MIB + 1).is_none());
        assert!(at_once(&rooms, 30 * MIB).is_some());
        taken.pop();
        assert!(at_once(&rooms, 35 * MIB).is_some());
        let small: Vec<Room> = (0..100).map_while(|_| at_once(&rooms, MIB)).collect();
        assert_eq!(small.len(), 8);
    }

    #[test]
    fn room_is_free_again_when_the_last_who_has_it_is_gone() {
        let rooms = Rooms::of(MIB, 10 * MIB);
        let room = at_once(&rooms, 10 * MIB).unwrap();
        let drawn = room.clone();
        drop(room);
        assert!(at_once(&rooms, 10 * MIB).is_none());
        drop(drawn);
        assert!(at_once(&rooms, 10 * MIB).is_some());
    }

    #[test]
    fn what_is_larger_than_everything_has_its_turn() {
        let rooms = Rooms::of(8 * MIB, 100 * MIB);
        let before = at_once(&rooms, 2 * MIB).unwrap();
        let mut whole = pin!(rooms.take(u64::MAX));
        assert!(whole.as_mut().now_or_never().is_none());
        // Who comes later does not go before it; small draws do not stand in its line at all.
        let mut later = pin!(rooms.take(2 * MIB));
        assert!(later.as_mut().now_or_never().is_none());
        assert!(at_once(&rooms, MIB).is_some());
        drop(before);
        let whole = whole.now_or_never().unwrap().unwrap();
        assert!(later.as_mut().now_or_never().is_none());
        drop(whole);
        assert!(later.now_or_never().unwrap().is_ok());
    }

    #[test]
    fn who_no_longer_waits_keeps_nobody_waiting() {
        let rooms = Rooms::of(MIB, 10 * MIB);
        let taken = at_once(&rooms, 8 * MIB).unwrap();
        {
            let mut given_up = pin!(rooms.take(10 * MIB));
            assert!(given_up.as_mut().now_or_never().is_none());
        }
        assert!(at_once(&rooms, 2 * MIB).is_some());
        drop(taken);
        assert!(at_once(&rooms, 10 * MIB).is_some());
    }
}
