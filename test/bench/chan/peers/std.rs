//! std::sync::mpsc in the benchmark: `channel` and `sync_channel`.

mod workloads;

use std::sync::mpsc::{channel, sync_channel, Receiver, Sender, SyncSender};
use workloads::{cannot, measure, run, Rx, Setup, Tx};

impl Tx for Sender<u64> {
    fn send(&self, word: u64) {
        self.send(word).unwrap()
    }
}

impl Tx for SyncSender<u64> {
    fn send(&self, word: u64) {
        self.send(word).unwrap()
    }
}

impl Rx for Receiver<u64> {
    fn recv(&self) -> Option<u64> {
        self.recv().ok()
    }

    fn share(&self) -> Self {
        cannot()
    }
}

fn body(setup: &Setup) -> u64 {
    if setup.receivers > 1 {
        cannot()
    }
    match setup.capacity {
        Some(n) => run(setup, &|| sync_channel(n)),
        None => run(setup, &|| channel()),
    }
}

fn main() {
    measure(body)
}
