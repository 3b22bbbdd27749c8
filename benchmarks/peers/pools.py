"""The work of the benchmarks on concurrent.futures.ThreadPoolExecutor."""

from concurrent.futures import ThreadPoolExecutor

from benchmarks import bodies
from benchmarks.measure import Sample, Ticks, Watch


def submit_all(n: int, workers: int | None) -> Sample:
    """Submit n bodies, take all results."""
    ticks, watch = Ticks(), Watch()
    body = bodies.function(ticks)
    with ThreadPoolExecutor(workers) as pool:
        pool.submit(body).result()
        ticks.reset()
        with watch.running():
            futures = [pool.submit(body) for _ in range(n)]
            for future in futures:
                future.result()
    return watch.per(n, ticks.total())


def submit_default(n: int) -> Sample:
    """With as many workers as it takes by itself."""
    return submit_all(n, None)


def submit_one_worker(n: int) -> Sample:
    """With one worker: nothing to contend for."""
    return submit_all(n, 1)


def one_by_one(n: int) -> Sample:
    """Each result is waited for before the next one is submitted."""
    ticks, watch = Ticks(), Watch()
    body = bodies.function(ticks)
    with ThreadPoolExecutor() as pool, watch.running():
        for _ in range(n):
            pool.submit(body).result()
    return watch.per(n, ticks.total())


def cold(n: int) -> Sample:
    """A pool, one body, closed; n times."""
    ticks, watch = Ticks(), Watch()
    body = bodies.function(ticks)
    with watch.running():
        for _ in range(n):
            with ThreadPoolExecutor() as pool:
                pool.submit(body).result()
    return watch.per(n, ticks.total())
