//! The Rust crate taskvisor 0.1.2: `first WORK current_thread|multi_thread [SUBSCRIBERS]`.
//!
//! The bus is made large enough for the whole run. At its default capacity a lagging registry
//! loses the events that it lives by, and the tasks with them.

use std::sync::Arc;
use std::time::Duration;

use protocol::{Answer, Count, Figure, Sample, inside, play, resident, timed};
use taskvisor::{
    BackoffPolicy, ControllerConfig, ControllerSpec, Event, EventKind, RestartPolicy, Subscribe,
    Supervisor, SupervisorConfig, SupervisorHandle, TaskError, TaskFn, TaskRef, TaskSpec,
};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const SLOTS: u64 = 8;

fn config(n: u64) -> SupervisorConfig {
    SupervisorConfig {
        bus_capacity: (n as usize * 10).next_power_of_two().max(16384),
        ..SupervisorConfig::default()
    }
}

fn spec(task: TaskRef, restart: RestartPolicy) -> TaskSpec {
    TaskSpec::new(task, restart, BackoffPolicy::default(), None)
}

fn instant(name: String, count: &Arc<Count>) -> TaskSpec {
    let count = Arc::clone(count);
    let task: TaskRef = TaskFn::arc(name, move |_: CancellationToken| {
        let count = Arc::clone(&count);
        async move {
            count.tick();
            Ok(())
        }
    });
    spec(task, RestartPolicy::Never)
}

fn instants(n: u64, count: &Arc<Count>) -> Vec<TaskSpec> {
    (0..n).map(|i| instant(format!("t{i}"), count)).collect()
}

/// Waits until it is cancelled.
fn waiting(name: String, count: &Arc<Count>) -> TaskSpec {
    let count = Arc::clone(count);
    let task: TaskRef = TaskFn::arc(name, move |token: CancellationToken| {
        let count = Arc::clone(&count);
        async move {
            count.tick();
            token.cancelled().await;
            Ok(())
        }
    });
    spec(task, RestartPolicy::Never)
}

/// Runs once, then pauses for an hour.
fn paused(name: String, count: &Arc<Count>) -> TaskSpec {
    instant(name, count).with_restart(RestartPolicy::Always {
        interval: Some(HOUR),
    })
}

/// Until its registry is empty, without asking again and again. Call once a task is registered.
async fn until_empty(supervisor: &Arc<Supervisor>) {
    supervisor.run(vec![]).await.unwrap();
}

async fn add(n: u64) -> Answer {
    let count = Count::of(n);
    let specs = instants(n, &count);
    let supervisor = Supervisor::new(config(n), vec![]);
    let handle = supervisor.serve();
    let (elapsed, ()) = timed(async {
        for spec in specs {
            handle.add(spec).unwrap();
        }
        count.wait().await;
        until_empty(&supervisor).await;
    })
    .await;
    let bodies = count.total();
    Sample {
        elapsed,
        count: n,
        bodies,
    }
    .into()
}

async fn batch(n: u64) -> Answer {
    let count = Count::of(n);
    let specs = instants(n, &count);
    let supervisor = Supervisor::new(config(n), vec![]);
    let (elapsed, result) = timed(supervisor.run(specs)).await;
    result.unwrap();
    let bodies = count.total();
    Sample {
        elapsed,
        count: n,
        bodies,
    }
    .into()
}

/// 100,000 in one run with nothing configured: how many run?
async fn defaults(n: u64) -> Answer {
    let count = Count::of(n);
    let specs = instants(n, &count);
    let supervisor = Supervisor::new(SupervisorConfig::default(), vec![]);
    let (elapsed, _) = timed(tokio::time::timeout(
        Duration::from_secs(1),
        supervisor.run(specs),
    ))
    .await;
    let bodies = count.total();
    Sample {
        elapsed,
        count: n,
        bodies,
    }
    .into()
}

async fn restart(n: u64) -> Answer {
    let count = Count::of(n);
    let body = Arc::clone(&count);
    let task: TaskRef = TaskFn::arc("again", move |_: CancellationToken| {
        let mine = body.tick();
        async move {
            if mine < n {
                return Ok(());
            }
            Err(TaskError::Fatal {
                reason: "enough".into(),
                exit_code: None,
            })
        }
    });
    let specs = vec![spec(task, RestartPolicy::Always { interval: None })];
    let supervisor = Supervisor::new(config(n), vec![]);
    let (elapsed, result) = timed(supervisor.run(specs)).await;
    result.unwrap();
    let bodies = count.total();
    Sample {
        elapsed,
        count: n,
        bodies,
    }
    .into()
}

async fn accept(n: u64) -> Answer {
    let count = Count::of(n);
    let specs: Vec<_> = (0..n).map(|i| waiting(format!("t{i}"), &count)).collect();
    let handle = Supervisor::new(config(n), vec![]).serve();
    let (elapsed, ()) = timed(async {
        for spec in specs {
            handle.add_and_wait(spec, PATIENCE).await.unwrap();
        }
    })
    .await;
    count.wait().await;
    let bodies = count.total();
    handle.shutdown().await.unwrap();
    Sample {
        elapsed,
        count: n,
        bodies,
    }
    .into()
}

async fn add_cancel(n: u64) -> Answer {
    let count = Count::of(n);
    let specs: Vec<_> = (0..n).map(|i| waiting(format!("t{i}"), &count)).collect();
    let handle = Supervisor::new(config(n), vec![]).serve();
    let (adding, ()) = timed(async {
        for spec in specs {
            handle.add_and_wait(spec, PATIENCE).await.unwrap();
        }
    })
    .await;
    count.wait().await;
    let names: Vec<_> = (0..n).map(|i| format!("t{i}")).collect();
    let (cancelling, ()) = timed(async {
        for name in &names {
            assert!(handle.cancel(name).await.unwrap());
        }
    })
    .await;
    let bodies = count.total();
    handle.shutdown().await.unwrap();
    let elapsed = adding + cancelling;
    Sample {
        elapsed,
        count: n,
        bodies,
    }
    .into()
}

async fn list(n: u64) -> Answer {
    let count = Count::of(n);
    let handle = Supervisor::new(config(n), vec![]).serve();
    for i in 0..n {
        handle.add(waiting(format!("t{i}"), &count)).unwrap();
    }
    count.wait().await;
    let (elapsed, names) = timed(handle.list()).await;
    assert_eq!(names.len() as u64, n);
    let bodies = count.total();
    handle.shutdown().await.unwrap();
    Sample {
        elapsed,
        count: n,
        bodies,
    }
    .into()
}

async fn slots(n: u64) -> Answer {
    let count = Count::of(n);
    let supervisor = Supervisor::builder(config(n))
        .with_controller(ControllerConfig {
            queue_capacity: n as usize,
            max_slot_queue: n as usize,
        })
        .build();
    let handle = supervisor.serve();
    let specs: Vec<_> = (0..n)
        .map(|i| ControllerSpec::queue(instant(format!("slot{}", i % SLOTS), &count)))
        .collect();
    let (elapsed, ()) = timed(async {
        for spec in specs {
            handle.submit(spec).await.unwrap();
        }
        count.wait().await;
        until_empty(&supervisor).await;
    })
    .await;
    let bodies = count.total();
    Sample {
        elapsed,
        count: n,
        bodies,
    }
    .into()
}

async fn idle(n: u64, body: fn(String, &Arc<Count>) -> TaskSpec) -> (SupervisorHandle, u64) {
    let count = Count::of(n);
    let handle = Supervisor::new(config(n), vec![]).serve();
    for i in 0..n {
        handle.add(body(format!("t{i}"), &count)).unwrap();
    }
    count.wait().await;
    (handle, count.total())
}

/// Its bus is as small as it may be for this, so that it is not what is measured.
async fn memory(n: u64, body: fn(String, &Arc<Count>) -> TaskSpec) -> Answer {
    let count = Count::of(n);
    let handle = Supervisor::new(SupervisorConfig::default(), vec![]).serve();
    tokio::task::yield_now().await;
    let before = resident();
    for i in 0..n {
        handle
            .add_and_wait(body(format!("t{i}"), &count), PATIENCE)
            .await
            .unwrap();
    }
    count.wait().await;
    let value = (resident() - before) as f64 / n as f64;
    let bodies = count.total();
    handle.shutdown().await.unwrap();
    Figure { value, bodies }.into()
}

async fn shutdown(n: u64) -> Answer {
    let (handle, bodies) = idle(n, paused).await;
    let (elapsed, result) = timed(handle.shutdown()).await;
    result.unwrap();
    Sample {
        elapsed,
        count: n,
        bodies,
    }
    .into()
}

struct Receiver {
    count: Arc<Count>,
    capacity: usize,
}

impl Subscribe for Receiver {
    fn on_event(&self, event: &Event) {
        if event.kind == EventKind::TaskRemoved {
            self.count.tick();
        }
    }

    fn name(&self) -> &'static str {
        "receiver"
    }

    fn queue_capacity(&self) -> usize {
        self.capacity
    }
}

async fn fanout(n: u64, receivers: u64) -> Answer {
    let count = Count::of(n);
    let heard: Vec<_> = (0..receivers).map(|_| Count::of(n)).collect();
    let subscribers = heard
        .iter()
        .map(|heard| {
            Arc::new(Receiver {
                count: Arc::clone(heard),
                capacity: n as usize * 10,
            }) as Arc<dyn Subscribe>
        })
        .collect();
    let specs = instants(n, &count);
    let handle = Supervisor::new(config(n), subscribers).serve();
    let (elapsed, ()) = timed(async {
        for spec in specs {
            handle.add(spec).unwrap();
        }
        count.wait().await;
        for heard in &heard {
            heard.wait().await;
        }
    })
    .await;
    handle.shutdown().await.unwrap();
    let least = heard.iter().map(|heard| heard.total()).min();
    let bodies = count.total().min(least.unwrap_or(n));
    Sample {
        elapsed,
        count: n,
        bodies,
    }
    .into()
}

/// n times: a runtime, a supervisor, one task, all closed.
fn cold(flavour: &str, n: u64) -> Answer {
    let count = Count::of(n);
    let start = std::time::Instant::now();
    for _ in 0..n {
        let runtime = protocol::runtime(flavour);
        let specs = vec![instant("one".into(), &count)];
        runtime.block_on(async {
            let supervisor = Supervisor::new(SupervisorConfig::default(), vec![]);
            supervisor.run(specs).await.unwrap();
        });
    }
    let bodies = count.total();
    Sample {
        elapsed: start.elapsed(),
        count: n,
        bodies,
    }
    .into()
}

fn main() {
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
