//! The Rust crate taskvisor 0.1.2: `first WORK current_thread|multi_thread [RECEIVERS]`. Here is
//! what only this release has; the works are in `works.rs`.
//!
//! The bus is made large enough for the whole run. At its default capacity a lagging registry
//! loses the events that it lives by, and the tasks with them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use protocol::{Answer, Count, timed};
use taskvisor::{
    BackoffPolicy, ControllerConfig, ControllerSpec, Event, EventKind, RestartPolicy, Subscribe,
    Supervisor, SupervisorConfig, SupervisorHandle, TaskError, TaskFn, TaskRef, TaskSpec,
};

use works::{instant, instants};

#[path = "../../works.rs"]
mod works;

const PATIENCE: Duration = Duration::from_secs(60);
const SLOTS: u64 = 8;

type Context = tokio_util::sync::CancellationToken;

fn config(n: u64) -> SupervisorConfig {
    SupervisorConfig {
        bus_capacity: (n as usize * 10).next_power_of_two().max(16384),
        ..SupervisorConfig::default()
    }
}

fn spec<B, F>(name: String, body: B, restart: RestartPolicy) -> TaskSpec
where
    B: Fn(Context) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), TaskError>> + Send + 'static,
{
    let task: TaskRef = TaskFn::arc(name, body);
    TaskSpec::new(task, restart, BackoffPolicy::default(), None)
}

/// Ends a task that always restarts.
fn enough() -> TaskError {
    TaskError::Fatal {
        reason: "enough".into(),
        exit_code: None,
    }
}

fn serve(supervisor: Arc<Supervisor>) -> SupervisorHandle {
    supervisor.serve()
}

/// Its bus is as small as it may be, so that it is not what is measured.
async fn serve_plain() -> SupervisorHandle {
    let handle = serve(Supervisor::new(SupervisorConfig::default(), vec![]));
    tokio::task::yield_now().await;
    handle
}

/// Adds without a wait.
async fn put(handle: &SupervisorHandle, spec: TaskSpec) {
    handle.add(spec).unwrap();
}

/// That a task is registered; it has no id.
struct Accepted;

/// Adds and waits until it is registered.
async fn accepted(handle: &SupervisorHandle, spec: TaskSpec) -> Accepted {
    handle.add_and_wait(spec, PATIENCE).await.unwrap();
    Accepted
}

/// What tasks are cancelled by: their names.
fn keys(accepted: Vec<Accepted>) -> Vec<String> {
    (0..accepted.len()).map(|i| format!("t{i}")).collect()
}

async fn cancel(handle: &SupervisorHandle, name: &str) -> bool {
    handle.cancel(name).await.unwrap()
}

/// Adds all and waits until all bodies have run.
async fn complete(handle: &SupervisorHandle, specs: Vec<TaskSpec>, count: &Count) {
    for spec in specs {
        put(handle, spec).await;
    }
    count.wait().await;
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
        complete(&handle, specs, &count).await;
        until_empty(&supervisor).await;
    })
    .await;
    Answer::time(elapsed, n, count.total())
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
    Answer::time(elapsed, n, count.total())
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
    Answer::time(elapsed, n, count.total())
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

fn receiver(_number: usize, heard: &Arc<Count>, capacity: u64) -> Arc<dyn Subscribe> {
    Arc::new(Receiver {
        count: Arc::clone(heard),
        capacity: capacity as usize,
    })
}

fn main() {
    works::main();
}
