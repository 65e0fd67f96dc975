//! The workloads of ../workloads.h for Rust's channels, which cannot batch: `batch` sends one by one.

use std::thread;
use std::time::Instant;

const ROUND: u64 = 10000;
const EXIT_CANNOT: i32 = 3;

pub struct Setup {
    pub workload: String,
    pub senders: u64,
    pub receivers: u64,
    pub capacity: Option<usize>, // None: unbounded
    pub n: u64,
}

pub trait Tx: Clone + Send + 'static {
    fn send(&self, word: u64);
}

/// A receiver; None from `recv` when the channel is closed and empty.
pub trait Rx: Send + 'static {
    fn recv(&self) -> Option<u64>;
    fn share(&self) -> Self;
}

pub fn cannot() -> ! {
    std::process::exit(EXIT_CANNOT)
}

/// Sends the share of one sender.
fn send_share<T: Tx>(tx: T, setup: &Setup, sender: u64) -> thread::JoinHandle<()> {
    let first = setup.n * sender / setup.senders;
    let last = setup.n * (sender + 1) / setup.senders;
    thread::spawn(move || (first + 1..=last).for_each(|word| tx.send(word)))
}

fn recv_all<R: Rx>(rx: &R) -> u64 {
    let mut sum = 0u64;
    while let Some(word) = rx.recv() {
        sum += word;
    }
    sum
}

fn flow<T: Tx, R: Rx>(setup: &Setup, (tx, rx): (T, R)) -> u64 {
    let senders: Vec<_> = (0..setup.senders).map(|i| send_share(tx.clone(), setup, i)).collect();
    drop(tx);
    let mut rxs: Vec<_> = (1..setup.receivers).map(|_| rx.share()).collect();
    rxs.push(rx);
    let receivers: Vec<_> =
        rxs.into_iter().map(|rx| thread::spawn(move || recv_all(&rx))).collect();
    let sum = receivers.into_iter().map(|r| r.join().unwrap()).sum();
    senders.into_iter().for_each(|s| s.join().unwrap());
    sum
}

/// `sum_of` receives from all channels through a select.
#[allow(dead_code)] // std has none
pub fn select<T: Tx, R: Rx>(
    setup: &Setup,
    make: &dyn Fn() -> (T, R),
    sum_of: &dyn Fn(&[R]) -> u64,
) -> u64 {
    let (txs, rxs): (Vec<T>, Vec<R>) = (0..setup.senders).map(|_| make()).unzip();
    let senders: Vec<_> =
        txs.into_iter().zip(0..).map(|(tx, i)| send_share(tx, setup, i)).collect();
    let sum = sum_of(&rxs);
    senders.into_iter().for_each(|s| s.join().unwrap());
    sum
}

fn ping<T: Tx, R: Rx>(setup: &Setup, (tx, far_rx): (T, R), (far_tx, rx): (T, R)) -> u64 {
    let echo = thread::spawn(move || {
        while let Some(word) = far_rx.recv() {
            far_tx.send(word);
        }
    });
    let mut sum = 0;
    for word in 1..=setup.n {
        tx.send(word);
        sum += rx.recv().unwrap();
    }
    drop(tx);
    echo.join().unwrap();
    sum
}

fn seq<T: Tx, R: Rx>(setup: &Setup, (tx, rx): (T, R)) -> u64 {
    let round = setup.capacity.map_or(ROUND, |n| n as u64);
    let (mut sent, mut sum) = (0, 0);
    while sent < setup.n {
        let last = setup.n.min(sent + round);
        (sent + 1..=last).for_each(|word| tx.send(word));
        (sent..last).for_each(|_| sum += rx.recv().unwrap());
        sent = last;
    }
    sum
}

/// All workloads but `select`.
pub fn run<T: Tx, R: Rx>(setup: &Setup, make: &dyn Fn() -> (T, R)) -> u64 {
    match setup.workload.as_str() {
        "flow" | "batch" => flow(setup, make()),
        "ping" => ping(setup, make(), make()),
        "seq" => seq(setup, make()),
        _ => cannot(),
    }
}

fn read_setup() -> Setup {
    let args: Vec<String> = std::env::args().collect();
    assert!(args.len() == 6, "usage: PROGRAM WORKLOAD SENDERS RECEIVERS CAPACITY N");
    Setup {
        workload: args[1].clone(),
        senders: args[2].parse().unwrap(),
        receivers: args[3].parse().unwrap(),
        capacity: if args[4] == "unbounded" { None } else { args[4].parse().ok() },
        n: args[5].parse().unwrap(),
    }
}

/// Times `body` and prints the result.
pub fn measure(body: fn(&Setup) -> u64) {
    let setup = read_setup();
    let begin = Instant::now();
    let sum = body(&setup);
    let took = begin.elapsed();
    assert!(sum == setup.n * (setup.n + 1) / 2, "the sum of the words is wrong");
    println!("{}", took.as_nanos());
}
