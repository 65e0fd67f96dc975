//! crossbeam-channel in the benchmark.

mod workloads;

use crossbeam_channel::{bounded, unbounded, Receiver, Select, Sender};
use workloads::{measure, run, select, Rx, Setup, Tx};

impl Tx for Sender<u64> {
    fn send(&self, word: u64) {
        self.send(word).unwrap()
    }
}

impl Rx for Receiver<u64> {
    fn recv(&self) -> Option<u64> {
        self.recv().ok()
    }

    fn share(&self) -> Self {
        self.clone()
    }
}

/// The cases are set up once, the fastest way there is.
fn select_all(rxs: &[Receiver<u64>]) -> u64 {
    let (mut sum, mut open) = (0, rxs.len());
    let mut cases = Select::new();
    rxs.iter().for_each(|rx| {
        cases.recv(rx);
    });
    while open > 0 {
        let case = cases.select();
        let i = case.index();
        match case.recv(&rxs[i]) {
            Ok(word) => sum += word,
            Err(_) => {
                cases.remove(i);
                open -= 1;
            }
        }
    }
    sum
}

fn body(setup: &Setup) -> u64 {
    let make = || setup.capacity.map_or_else(unbounded, bounded);
    match setup.workload.as_str() {
        "select" => select(setup, &make, &select_all),
        _ => run(setup, &make),
    }
}

fn main() {
    measure(body)
}
