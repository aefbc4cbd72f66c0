"""Ray, found or started: the one place that speaks to its API, which is untyped and slow to import."""

import logging
import os
from concurrent.futures import Future
from typing import Any

from state.errors import SetupError, TransientError

# Read when Ray is imported, and by what it starts: it reports nothing to its makers, prints no worker's log on the
# user's screen, and may take its time: 15 s were not enough where ten processes shared two cores.
_OPTIONS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",  # it prints a stack trace where somebody ends us with SIGTERM
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_raylet_start_wait_time_s": "120",
}
OBJECT_STORE_BYTES = 80 << 20  # what passes through Ray are ids and rows: the least it takes


class ActorLostError(Exception):
    """The process that ran something is gone, or out of reach; the text says why."""


class Cluster:
    """A connection to Ray, which lives as long as the thread that makes it.

    The kernel ends the processes of a local Ray with the thread that started them, so nothing stays behind whatever
    happens to us.
    """

    def __init__(self, address: str, places: int) -> None:
        """Connect to the cluster at `address` ("auto", host:port); without one start Ray here, `places` wide.

        Where this process is connected already, as in a notebook, that connection is used and stays open.
        Raises SetupError when there is no cluster, or it refuses us.
        """
        if address.startswith("ray://"):
            raise SetupError("--ray-address takes no ray:// address: run on a machine of the cluster, with auto")
        for name, value in _OPTIONS.items():
            os.environ.setdefault(name, value)
        self._ray = _ray()
        logging.getLogger("ray").setLevel(logging.ERROR)  # it has a handler of its own, on the user's screen
        self._is_ours = not self._ray.is_initialized()
        if self._is_ours:
            _connect(address, places)
        self.host = host_of_this_process()

    def actor(self, of: type[Any], threads: int, *arguments: Any) -> Any:
        """Start an actor on one CPU, wherever there is one; calls wait until it is up."""
        made = self._ray.remote(num_cpus=1, concurrency_groups={"control": 1})(of)
        return made.options(max_concurrency=threads, scheduling_strategy="SPREAD").remote(*arguments)

    def call(self, method: Any, *arguments: Any, urgent: bool = False) -> "Future[Any]":
        """Call a method of an actor; the future fails with ActorLostError when the actor is lost.

        urgent: do not wait behind calls that are under way.
        """
        remote = method.options(concurrency_group="control") if urgent else method
        answer: Future[Any] = Future()
        remote.remote(*arguments).future().add_done_callback(lambda done: _pass_on(done, answer))
        return answer

    def kill(self, actor: Any) -> None:
        """End an actor at once; one that is gone already is no error."""
        self._ray.kill(actor, no_restart=True)

    def cpus(self) -> int:
        """Return how many CPUs the cluster has now."""
        return int(self._ray.cluster_resources().get("CPU", 1))

    def hosts(self) -> set[str]:
        """Return the addresses of the machines that are alive."""
        return {node["NodeManagerAddress"] for node in self._ray.nodes() if node["Alive"]}

    def close(self) -> None:
        """Disconnect; a Ray that was started here ends."""
        if self._is_ours:
            self._ray.shutdown()


def host_of_this_process() -> str:
    """Return the address of the machine that this process, connected to Ray, runs on."""
    return str(_ray().util.get_node_ip_address())


def _ray() -> Any:
    import ray

    return ray  # half typed: its decorators know no concurrency groups


def _connect(address: str, places: int) -> None:
    import ray

    options: dict[str, Any] = {"configure_logging": False, "logging_level": logging.ERROR, "log_to_driver": False}
    if not address:
        options |= {"num_cpus": places, "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    try:
        ray.init(address=address or "local", **options)
    except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        where = f"reach Ray at {address}" if address else "start Ray on this machine"
        raise SetupError(
            f"cannot {where}: {said}. A cluster asks for its token (RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH), and for "
            "the same versions of Ray and Python; --engine local needs no Ray"
        ) from error


def _pass_on(done: "Future[Any]", answer: "Future[Any]") -> None:
    failures, error = _ray().exceptions, done.exception()
    if error is None:
        answer.set_result(done.result())
    elif isinstance(error, failures.RayTaskError):
        answer.set_exception(error)
    elif isinstance(error, failures.RayError):
        answer.set_exception(ActorLostError(_why(str(error))))
    else:
        answer.set_exception(TransientError(f"Ray failed: {error}"))


def _why(said: str) -> str:
    """Return the cause of an actor's death in one line: Ray says it in a paragraph."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["no reason given"]
    if "error raised in its creation task" in said:
        return lines[-1][:300]
    telling = [line for line in lines if line.startswith(("The actor is dead because", "Task was killed"))] or lines
    return telling[0].partition(" Some common causes")[0].removeprefix("The actor is dead because ")[:300]
