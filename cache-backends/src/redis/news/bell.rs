//! What somebody waits for until it rings.

use super::subscription::{Event, Listener};
use crate::redis::lock::Mutex;
use std::future::poll_fn;
use std::mem::take;
use std::task::{Poll, Waker};

/// Rings at everything that is heard of a channel, and when its time is over. One thread or task waits for it.
#[derive(Debug, Default)]
pub(crate) struct Bell(Mutex<Ringing>);

#[derive(Debug, Default)]
struct Ringing {
    rung: bool,
    /// Whether the channel is heard, as far as is known.
    heard: bool,
    waker: Option<Waker>,
}

impl Bell {
    pub(crate) fn ring(&self) {
        let waker = {
            let mut ringing = self.0.lock();
            ringing.rung = true;
            ringing.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether messages ring it now, as far as is known.
    pub(crate) fn is_heard(&self) -> bool {
        self.0.lock().heard
    }

    /// Waits until it has rung since the last time.
    pub(crate) async fn rung(&self) {
        poll_fn(|context| {
            // Wakers are foreign code: copied before the lock is taken, and dropped after it.
            let waker = context.waker().clone();
            let _before;
            let mut ringing = self.0.lock();
            if take(&mut ringing.rung) {
                return Poll::Ready(());
            }
            _before = ringing.waker.replace(waker);
            Poll::Pending
        })
        .await;
    }
}

impl Listener for Bell {
    fn hear(&self, event: Event<'_>) {
        match event {
            Event::Standing => self.0.lock().heard = true,
            Event::Lost | Event::Failed | Event::Refused => self.0.lock().heard = false,
            Event::Message(_) => {}
            Event::Answered => return,
        }
        self.ring();
    }
}
