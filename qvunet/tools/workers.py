"""Where independent pieces of work are done: here, in processes of this machine, or by a Dask cluster."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from backends.errors import ExecutionError, UserError

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 120.0
"""Seconds without a result after which workers are counted; if there are none, one is waited for as long."""

Job = TypeVar("Job", bound=tuple[Any, ...])


@dataclass(frozen=True)
class Workers:
    """How many pieces are done at a time, and where.

    A piece whose worker dies is done by another; one that costs several workers their life fails.

    Attributes:
        number: processes on this machine; 1 does all pieces in this one.
        scheduler: address of a Dask scheduler, whose workers are taken instead; pieces travel as pickles.

    Raises:
        UserError: if both are given, or Dask is needed and not installed.
    """

    number: int = 1
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.number < 1:
            raise UserError(f"--workers {self.number}: 1 or more")
        if self.number > 1 and self.scheduler is not None:
            raise UserError("--workers and --scheduler: only one of them says where the work is done")
        if not self.here and find_spec("distributed") is None:
            raise UserError("--workers and --scheduler: need Dask; pip install 'qvunet[machines]'")

    @property
    def here(self) -> bool:
        """Whether this process does everything itself."""
        return self.number == 1 and self.scheduler is None

    def run(
        self,
        function: Callable[..., Any],
        jobs: Sequence[Job],
        may_begin: Callable[[Job], bool] = lambda job: True,
        shared: tuple[Any, ...] = (),
    ) -> Iterator[tuple[Job, Future[Any]]]:
        """Do all jobs; a worker begins the next one when it has done one.

        Args:
            function: of a module, so that workers find it.
            jobs: its last arguments.
            may_begin: asked about each job that waits, whenever a worker is free.
            shared: its first arguments, the same for all; each worker gets them once.

        Yields:
            Jobs with their results or exceptions, as they are done; in their order if all is done here.

        Raises:
            UserError: if a scheduler cannot be reached, or its workers are of no use.
            ExecutionError: if the scheduler is lost, or all workers.
        """
        waiting, running = list(jobs), dict[Future[Any], Job]()
        if not any(map(may_begin, waiting)):
            return
        with self._client() as client:
            executor = _Here() if client is None else client.get_executor(pure=False)
            common = shared if client is None else client.submit(_itself, _packed(shared), pure=False)
            while True:
                free = (1 if client is None else max(1, len(client.nthreads()))) - len(running)
                for job in [job for job in waiting if may_begin(job)][: max(0, free)]:
                    waiting.remove(job)
                    running[executor.submit(_call, function, common, *job)] = job
                if not running:
                    return
                done = wait(running, PATIENCE, FIRST_COMPLETED).done
                if not done and client is not None:
                    _require_a_worker(client)
                for future in done:
                    if future.cancelled():
                        raise ExecutionError("the scheduler is lost; the same command goes on from here")
                    yield running.pop(future), future

    @contextmanager
    def _client(self) -> Iterator[Client | None]:
        """Of what does the work; None is this process."""
        if self.here:
            yield None
            return
        # Imported here: it takes a second.
        import dask
        from distributed import Client, LocalCluster

        # Networks are larger than what Dask likes to be sent.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):
            if self.scheduler is not None:
                with _connected(self.scheduler) as client:
                    yield client
                return
            cluster = LocalCluster(
                n_workers=self.number,
                threads_per_worker=1,
                memory_limit=0,  # none
                security=True,  # keys of its own, since others on this machine can open a connection
                dashboard_address="127.0.0.1:0",
            )
            with cluster, Client(cluster) as client:
                yield client


def _packed(shared: tuple[Any, ...]) -> bytes:
    """What workers hand to each other: bytes, since a network that one of them uses may be half ablated."""
    from cloudpickle import dumps

    packed: bytes = dumps(shared)
    return packed


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> tuple[Any, ...]:
    shared: tuple[Any, ...] = pickle.loads(packed)
    return shared


def _itself(packed: bytes) -> bytes:
    return packed


def _call(function: Callable[..., Any], common: tuple[Any, ...] | bytes, *job: Any) -> Any:
    shared = _unpacked(common) if isinstance(common, bytes) else common
    return function(*shared, *job)


HERE = Workers()
"""This process alone."""


def no_progress(done: float) -> None:
    """Told of progress where nobody looks: what looks here cannot travel to a worker."""


class _Here(Executor):
    """Does each job when it is submitted."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def version() -> str:
    """Of this package, where it is called."""
    from importlib.metadata import version as installed

    return installed("qvunet")


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise UserError(f"--scheduler {address}: no Dask scheduler there ({error})") from None
    with client:
        _require_fit_workers(client, address)
        yield client


def _require_a_worker(client: Client) -> None:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise ExecutionError("no worker is left; the same command goes on from here") from None


def _require_fit_workers(client: Client, address: str) -> None:
    threads = client.nthreads()
    start = f"`dask worker {address} --nthreads 1 --nworkers N`"
    if not threads:
        raise UserError(f"--scheduler {address}: has no workers; start some with {start}")
    if max(threads.values()) > 1:  # torch's seed and threads are those of a whole process
        raise UserError(f"--scheduler {address}: workers must have one thread each; {start}")
    for worker, found in client.run(version, on_error="return").items():
        if found != version():
            raise UserError(f"--scheduler {address}: {worker} has qvunet {found}, not {version()} as here")
