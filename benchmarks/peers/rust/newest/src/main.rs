//! The newest release of the Rust crate taskvisor: `newest WORK current_thread|multi_thread
//! [RECEIVERS]`. Here is what only this release has; the works are in `works.rs`.
//!
//! Its limits of 1,024 tasks are taken off, its bus and queues made large enough for the run.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use protocol::{Answer, Count, timed};
use taskvisor::{
    BackoffPolicy, ControllerConfig, ControllerSpec, Event, EventKind, RestartPolicy, Subscribe,
    Supervisor, SupervisorConfig, SupervisorHandle, TaskError, TaskFn, TaskId, TaskOutcome,
    TaskRef, TaskSpec, TaskWaiter,
};

use works::{instant, instants};

#[path = "../../works.rs"]
mod works;

const SLOTS: u64 = 8;

type Context = taskvisor::TaskContext;

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

fn spec<B, F>(name: String, body: B, restart: RestartPolicy) -> TaskSpec
where
    B: Fn(Context) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), TaskError>> + Send + 'static,
{
    let task: TaskRef = TaskFn::arc(body);
    TaskSpec::new(name, task, restart, BackoffPolicy::default(), None)
}

/// Ends a task that always restarts.
fn enough() -> TaskError {
    TaskError::fatal("enough")
}

fn serve(supervisor: Arc<Supervisor>) -> SupervisorHandle {
    supervisor.serve().unwrap()
}

async fn serve_plain() -> SupervisorHandle {
    let plain = SupervisorConfig::default()
        .with_max_registered_tasks(None)
        .with_ownership_capacity(None);
    serve(Supervisor::new(plain, vec![]))
}

/// Adds; there is no way that does not wait.
async fn put(handle: &SupervisorHandle, spec: TaskSpec) {
    accepted(handle, spec).await;
}

/// Adds and waits until it is registered.
async fn accepted(handle: &SupervisorHandle, spec: TaskSpec) -> TaskId {
    handle.add(spec).execute().await.unwrap()
}

/// What tasks are cancelled by.
fn keys(accepted: Vec<TaskId>) -> Vec<TaskId> {
    accepted
}

async fn cancel(handle: &SupervisorHandle, id: &TaskId) -> bool {
    handle.cancel(*id).execute().await.unwrap()
}

/// Adds all and waits for their outcomes.
async fn complete(handle: &SupervisorHandle, specs: Vec<TaskSpec>, _: &Count) {
    let mut waiters = Vec::with_capacity(specs.len());
    for spec in specs {
        waiters.push(handle.add(spec).watch().execute().await.unwrap());
    }
    all_completed(waiters).await;
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
    let handle = serve(Supervisor::new(config(n), vec![]));
    let (elapsed, ()) = timed(complete(&handle, specs, &count)).await;
    handle.shutdown().await.unwrap();
    Answer::time(elapsed, n, count.total())
}

/// 100,000 in one run with nothing configured: how many run?
async fn defaults(n: u64) -> Answer {
    let count = Count::of(n);
    let specs = instants(n, &count);
    let supervisor = Supervisor::new(SupervisorConfig::default(), vec![]);
    let (elapsed, _) = timed(supervisor.run(specs)).await;
    Answer::time(elapsed, n, count.total())
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
    Answer::time(elapsed, n, count.total())
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

fn receiver(number: usize, heard: &Arc<Count>, capacity: u64) -> Arc<dyn Subscribe> {
    Arc::new(Receiver {
        name: format!("receiver{number}"),
        count: Arc::clone(heard),
        capacity: size(capacity),
    })
}

fn main() {
    works::main();
}
