//! The works that are the same in both releases of the crate, in terms of the few calls that are
//! not. A module of each program: what it takes from `crate` is that release's own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::{Answer, Count, inside, play, resident, runtime, timed};
use taskvisor::{RestartPolicy, Supervisor, SupervisorConfig, SupervisorHandle, TaskSpec};

use crate::{
    Context, accepted, add, cancel, complete, config, defaults, enough, keys, put, receiver, serve,
    serve_plain, slots, spec,
};

const HOUR: Duration = Duration::from_secs(3600);

type Body = fn(String, &Arc<Count>) -> TaskSpec;

pub fn instant(name: String, count: &Arc<Count>) -> TaskSpec {
    let count = Arc::clone(count);
    let body = move |_: Context| {
        let count = Arc::clone(&count);
        async move {
            count.tick();
            Ok(())
        }
    };
    spec(name, body, RestartPolicy::Never)
}

pub fn instants(n: u64, count: &Arc<Count>) -> Vec<TaskSpec> {
    (0..n).map(|i| instant(format!("t{i}"), count)).collect()
}

/// Waits until it is cancelled.
fn waiting(name: String, count: &Arc<Count>) -> TaskSpec {
    let count = Arc::clone(count);
    let body = move |context: Context| {
        let count = Arc::clone(&count);
        async move {
            count.tick();
            context.cancelled().await;
            Ok(())
        }
    };
    spec(name, body, RestartPolicy::Never)
}

/// Runs once, then pauses for an hour.
fn paused(name: String, count: &Arc<Count>) -> TaskSpec {
    instant(name, count).with_restart(RestartPolicy::Always {
        interval: Some(HOUR),
    })
}

async fn batch(n: u64) -> Answer {
    let count = Count::of(n);
    let specs = instants(n, &count);
    let supervisor = Supervisor::new(config(n), vec![]);
    let (elapsed, result) = timed(supervisor.run(specs)).await;
    result.unwrap();
    Answer::time(elapsed, n, count.total())
}

async fn restart(n: u64) -> Answer {
    let count = Count::of(n);
    let body = Arc::clone(&count);
    let again = move |_: Context| {
        let mine = body.tick();
        async move { if mine < n { Ok(()) } else { Err(enough()) } }
    };
    let always = RestartPolicy::Always { interval: None };
    let specs = vec![spec("again".into(), again, always)];
    let supervisor = Supervisor::new(config(n.max(1000)), vec![]);
    let (elapsed, result) = timed(supervisor.run(specs)).await;
    result.unwrap();
    Answer::time(elapsed, n, count.total())
}

fn waiters(n: u64, count: &Arc<Count>) -> Vec<TaskSpec> {
    (0..n).map(|i| waiting(format!("t{i}"), count)).collect()
}

async fn accept(n: u64) -> Answer {
    let count = Count::of(n);
    let specs = waiters(n, &count);
    let handle = serve(Supervisor::new(config(n), vec![]));
    let (elapsed, ()) = timed(async {
        for spec in specs {
            accepted(&handle, spec).await;
        }
    })
    .await;
    count.wait().await;
    let bodies = count.total();
    handle.shutdown().await.unwrap();
    Answer::time(elapsed, n, bodies)
}

async fn add_cancel(n: u64) -> Answer {
    let count = Count::of(n);
    let specs = waiters(n, &count);
    let handle = serve(Supervisor::new(config(n), vec![]));
    let mut ids = Vec::with_capacity(n as usize);
    let (adding, ()) = timed(async {
        for spec in specs {
            ids.push(accepted(&handle, spec).await);
        }
    })
    .await;
    count.wait().await;
    let keys = keys(ids);
    let (cancelling, ()) = timed(async {
        for key in &keys {
            assert!(cancel(&handle, key).await);
        }
    })
    .await;
    let bodies = count.total();
    handle.shutdown().await.unwrap();
    Answer::time(adding + cancelling, n, bodies)
}

/// A supervisor with n tasks whose bodies have begun, and how many bodies that were.
async fn idle(n: u64, body: Body) -> (SupervisorHandle, u64) {
    let count = Count::of(n);
    let handle = serve(Supervisor::new(config(n), vec![]));
    for i in 0..n {
        put(&handle, body(format!("t{i}"), &count)).await;
    }
    count.wait().await;
    (handle, count.total())
}

async fn list(n: u64) -> Answer {
    let (handle, bodies) = idle(n, waiting).await;
    let (elapsed, names) = timed(handle.list()).await;
    assert_eq!(names.len() as u64, n);
    handle.shutdown().await.unwrap();
    Answer::time(elapsed, n, bodies)
}

async fn shutdown(n: u64) -> Answer {
    let (handle, bodies) = idle(n, paused).await;
    let (elapsed, result) = timed(handle.shutdown()).await;
    result.unwrap();
    Answer::time(elapsed, n, bodies)
}

/// Bytes per task.
async fn memory(n: u64, body: Body) -> Answer {
    let count = Count::of(n);
    let handle = serve_plain().await;
    let before = resident();
    for i in 0..n {
        accepted(&handle, body(format!("t{i}"), &count)).await;
    }
    count.wait().await;
    let value = (resident() - before) as f64 / n as f64;
    let bodies = count.total();
    handle.shutdown().await.unwrap();
    Answer::figure(value, bodies)
}

/// Until every receiver has heard of every end.
async fn fanout(n: u64, receivers: usize) -> Answer {
    let count = Count::of(n);
    let heard: Vec<_> = (0..receivers).map(|_| Count::of(n)).collect();
    let subscribers = heard.iter().enumerate();
    let subscribers = subscribers.map(|(i, heard)| receiver(i, heard, n * 10));
    let supervisor = Supervisor::new(config(n), subscribers.collect());
    let specs = instants(n, &count);
    let handle = serve(supervisor);
    let (elapsed, ()) = timed(async {
        complete(&handle, specs, &count).await;
        for heard in &heard {
            heard.wait().await;
        }
    })
    .await;
    handle.shutdown().await.unwrap();
    let least = heard.iter().map(|heard| heard.total()).min();
    Answer::time(elapsed, n, count.total().min(least.unwrap_or(n)))
}

/// n times: a runtime, a supervisor, one task, all closed.
fn cold(flavour: &str, n: u64) -> Answer {
    let count = Count::of(n);
    let start = Instant::now();
    for _ in 0..n {
        let runtime = runtime(flavour);
        let specs = vec![instant("one".into(), &count)];
        runtime.block_on(async {
            let supervisor = Supervisor::new(SupervisorConfig::default(), vec![]);
            supervisor.run(specs).await.unwrap();
        });
    }
    Answer::time(start.elapsed(), n, count.total())
}

/// `WORK current_thread|multi_thread [RECEIVERS]`
pub fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (work, flavour) = (arguments[0].clone(), arguments[1].clone());
    let more = arguments.get(2).map_or(0, |text| text.parse().unwrap());
    play(|n| match work.as_str() {
        "add" => inside(&flavour, add(n)),
        "batch" => inside(&flavour, batch(n)),
        "defaults" => inside(&flavour, defaults(n)),
        "restart" => inside(&flavour, restart(n)),
        "accept" => inside(&flavour, accept(n)),
        "add_cancel" => inside(&flavour, add_cancel(n)),
        "list" => inside(&flavour, list(n)),
        "slots" => inside(&flavour, slots(n)),
        "memory_paused" => inside(&flavour, memory(n, paused)),
        "memory_waiting" => inside(&flavour, memory(n, waiting)),
        "shutdown" => inside(&flavour, shutdown(n)),
        "fanout" => inside(&flavour, fanout(n, more)),
        "cold" => cold(&flavour, n),
        other => panic!("no such work: {other}"),
    });
}
