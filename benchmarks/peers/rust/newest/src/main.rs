//! The newest release of the Rust crate taskvisor: `newest WORK current_thread|multi_thread [K]`.
//!
//! Its limits of 1,024 tasks are taken off, its bus and queues made large enough for the run.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use protocol::{Answer, Count, Figure, Sample, inside, play, resident, timed};
use taskvisor::{
    BackoffPolicy, ControllerConfig, ControllerSpec, Event, EventKind, RestartPolicy, Subscribe,
    Supervisor, SupervisorConfig, SupervisorHandle, TaskContext, TaskError, TaskFn, TaskOutcome,
    TaskRef, TaskSpec, TaskWaiter,
};

const HOUR: Duration = Duration::from_secs(3600);
const SLOTS: u64 = 8;

fn size(n: u64) -> NonZeroUsize {
    NonZeroUsize::new((n as usize).max(1024)).unwrap()
}

fn config(n: u64) -> SupervisorConfig {
    SupervisorConfig::default()
        .with_bus_capacity(size((n * 10).next_power_of_two()))
        .with_max_registered_tasks(None)
        .with_ownership_capacity(None)
        .with_registry_queue_capacity(size(n))
}

fn spec(name: String, task: TaskRef, restart: RestartPolicy) -> TaskSpec {
    TaskSpec::new(name, task, restart, BackoffPolicy::default(), None)
}

fn instant(name: String, count: &Arc<Count>) -> TaskSpec {
    let count = Arc::clone(count);
    let task: TaskRef = TaskFn::arc(move |_: TaskContext| {
        let count = Arc::clone(&count);
        async move {
            count.tick();
            Ok(())
        }
    });
    spec(name, task, RestartPolicy::Never)
}

fn instants(n: u64, count: &Arc<Count>) -> Vec<TaskSpec> {
    (0..n).map(|i| instant(format!("t{i}"), count)).collect()
}

/// Waits until it is cancelled.
fn waiting(name: String, count: &Arc<Count>) -> TaskSpec {
    let count = Arc::clone(count);
    let task: TaskRef = TaskFn::arc(move |context: TaskContext| {
        let count = Arc::clone(&count);
        async move {
            count.tick();
            context.cancelled().await;
            Ok(())
        }
    });
    spec(name, task, RestartPolicy::Never)
}

/// Runs once, then pauses for an hour.
fn paused(name: String, count: &Arc<Count>) -> TaskSpec {
    instant(name, count).with_restart(RestartPolicy::Always {
        interval: Some(HOUR),
    })
}

fn serve(config: SupervisorConfig) -> SupervisorHandle {
    Supervisor::new(config, vec![]).serve().unwrap()
}

async fn add_all(handle: &SupervisorHandle, specs: Vec<TaskSpec>) -> Vec<TaskWaiter> {
    let mut waiters = Vec::with_capacity(specs.len());
    for spec in specs {
        waiters.push(handle.add(spec).watch().execute().await.unwrap());
    }
    waiters
}

async fn all_completed(waiters: Vec<TaskWaiter>) {
    for waiter in waiters {
        let outcome = waiter.wait().await.unwrap();
        assert!(matches!(outcome, TaskOutcome::Completed));
    }
}

async fn add(n: u64) -> Answer {
    let count = Count::of(n);
    let specs = instants(n, &count);
    let handle = serve(config(n));
    let (elapsed, ()) = timed(async {
        let waiters = add_all(&handle, specs).await;
        all_completed(waiters).await;
    })
    .await;
    handle.shutdown().await.unwrap();
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
    let (elapsed, _) = timed(supervisor.run(specs)).await;
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
    let task: TaskRef = TaskFn::arc(move |_: TaskContext| {
        let mine = body.tick();
        async move {
            if mine < n {
                return Ok(());
            }
            Err(TaskError::fatal("enough"))
        }
    });
    let again = RestartPolicy::Always { interval: None };
    let supervisor = Supervisor::new(config(1000), vec![]);
    let specs = vec![spec("again".into(), task, again)];
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
    let handle = serve(config(n));
    let (elapsed, ()) = timed(async {
        for spec in specs {
            handle.add(spec).execute().await.unwrap();
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
    let handle = serve(config(n));
    let mut ids = Vec::with_capacity(n as usize);
    let (adding, ()) = timed(async {
        for spec in specs {
            ids.push(handle.add(spec).execute().await.unwrap());
        }
    })
    .await;
    count.wait().await;
    let (cancelling, ()) = timed(async {
        for id in ids {
            assert!(handle.cancel(id).execute().await.unwrap());
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
    let handle = serve(config(n));
    for i in 0..n {
        handle
            .add(waiting(format!("t{i}"), &count))
            .execute()
            .await
            .unwrap();
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
        .with_controller(ControllerConfig::new(size(n), n as usize))
        .build();
    let handle = supervisor.serve().unwrap();
    let specs: Vec<_> = (0..n)
        .map(|i| {
            ControllerSpec::queue(instant(format!("t{i}"), &count))
                .with_slot(format!("slot{}", i % SLOTS))
        })
        .collect();
    let (elapsed, ()) = timed(async {
        let mut waiters = Vec::with_capacity(n as usize);
        for spec in specs {
            waiters.push(handle.submit(spec).watch().execute().await.unwrap());
        }
        all_completed(waiters).await;
    })
    .await;
    handle.shutdown().await.unwrap();
    let bodies = count.total();
    Sample {
        elapsed,
        count: n,
        bodies,
    }
    .into()
}

async fn memory(n: u64, body: fn(String, &Arc<Count>) -> TaskSpec) -> Answer {
    let count = Count::of(n);
    let plain = SupervisorConfig::default()
        .with_max_registered_tasks(None)
        .with_ownership_capacity(None);
    let handle = serve(plain);
    let before = resident();
    for i in 0..n {
        handle
            .add(body(format!("t{i}"), &count))
            .execute()
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
    let count = Count::of(n);
    let handle = serve(config(n));
    for i in 0..n {
        handle
            .add(paused(format!("t{i}"), &count))
            .execute()
            .await
            .unwrap();
    }
    count.wait().await;
    let (elapsed, result) = timed(handle.shutdown()).await;
    result.unwrap();
    let bodies = count.total();
    Sample {
        elapsed,
        count: n,
        bodies,
    }
    .into()
}

struct Receiver {
    name: String,
    count: Arc<Count>,
    capacity: NonZeroUsize,
}

/// On the default, shared worker, which is its faster one for short callbacks.
impl Subscribe for Receiver {
    fn on_event(&self, event: &Event) {
        if event.kind == EventKind::TaskRemoved {
            self.count.tick();
        }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn queue_capacity(&self) -> NonZeroUsize {
        self.capacity
    }
}

async fn fanout(n: u64, receivers: u64) -> Answer {
    let count = Count::of(n);
    let heard: Vec<_> = (0..receivers).map(|_| Count::of(n)).collect();
    let subscribers = heard
        .iter()
        .enumerate()
        .map(|(i, heard)| {
            Arc::new(Receiver {
                name: format!("receiver{i}"),
                count: Arc::clone(heard),
                capacity: size(n * 10),
            }) as Arc<dyn Subscribe>
        })
        .collect();
    let specs = instants(n, &count);
    let handle = Supervisor::new(config(n), subscribers).serve().unwrap();
    let (elapsed, ()) = timed(async {
        let waiters = add_all(&handle, specs).await;
        all_completed(waiters).await;
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
