//! What a contender says: `program WORK FLAVOUR [ARGUMENT]`, then a line of JSON for each line with
//! a size. The same protocol as `benchmarks/player.py`.

use std::future::Future;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

/// What a round gave: a line of JSON.
pub struct Answer(String);

impl Answer {
    /// So many units took so long, and so many bodies really ran.
    pub fn time(elapsed: Duration, count: u64, bodies: u64) -> Self {
        let seconds = elapsed.as_secs_f64();
        Self(format!(
            "{{\"seconds\": {seconds}, \"count\": {count}, \"bodies\": {bodies}}}"
        ))
    }

    /// A figure that is not a time, in the unit of the work.
    pub fn figure(value: f64, bodies: u64) -> Self {
        Self(format!("{{\"value\": {value}, \"bodies\": {bodies}}}"))
    }
}

/// tokio's runtime as the benchmarks of the crate build it.
pub fn runtime(flavour: &str) -> Runtime {
    let mut builder = match flavour {
        "current_thread" => Builder::new_current_thread(),
        "multi_thread" => Builder::new_multi_thread(),
        other => panic!("no such flavour: {other}"),
    };
    if flavour == "multi_thread" {
        builder.worker_threads(4);
    }
    builder.enable_all().build().expect("a runtime")
}

/// Runs a work from inside a spawned task, which is faster than from the root of `block_on`.
pub fn inside<T, F>(flavour: &str, work: F) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let runtime = runtime(flavour);
    runtime.block_on(async { tokio::spawn(work).await.expect("the work panicked") })
}

/// Counts bodies; the last one of `n` tells.
pub struct Count {
    ran: AtomicU64,
    last: u64,
    all: Notify,
}

impl Count {
    pub fn of(n: u64) -> Arc<Self> {
        Arc::new(Self {
            ran: AtomicU64::new(0),
            last: n,
            all: Notify::new(),
        })
    }

    /// The number of this one, from 1.
    pub fn tick(&self) -> u64 {
        let mine = self.ran.fetch_add(1, Ordering::Relaxed) + 1;
        if mine == self.last {
            self.all.notify_one();
        }
        mine
    }

    pub fn total(&self) -> u64 {
        self.ran.load(Ordering::Relaxed)
    }

    pub async fn wait(&self) {
        if self.total() < self.last {
            self.all.notified().await;
        }
    }
}

/// Bytes of this process that are in memory.
pub fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("/proc");
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Times a future.
pub async fn timed<F: Future>(work: F) -> (Duration, F::Output) {
    let start = Instant::now();
    let output = work.await;
    (start.elapsed(), output)
}

/// Answers lines until there are no more.
pub fn play(work: impl Fn(u64) -> Answer) {
    for line in std::io::stdin().lock().lines() {
        let size = line.unwrap().trim().parse().expect("a size");
        println!("{}", work(size).0);
        std::io::stdout().flush().unwrap();
    }
}
