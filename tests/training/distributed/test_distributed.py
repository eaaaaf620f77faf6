"""Distributed training: the losses of one process, one writer, and no process that hangs."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rnnwords.cli import run
from rnnwords.errors import TrainingError, UsageError
from rnnwords.training.distributed import rendezvous
from rnnwords.training.distributed.cluster import Role, role_of, rows_of
from tests.processes import LIMIT, environment, returned
from tests.texts import FABLE

NETWORK = "--layers 1 --units 15 --embedding 7 --seed 3 --precision float32 --patience 1000"
# Everything that uses random numbers, a batch that two replicas cannot halve, and tied weights.
WINDOWS = (
    "--iterations 30 --log-every 10 --batch-size 5 --validation-split 0.2 --tie --dropout 0.3 --ema 0.99 --histograms"
)
STATEFUL = (
    "--stateful --window 4 --batch-size 5 --iterations 300 --log-every 100 --checkpoint-every 10 --optimizer sgd "
    "--learning-rate 0.3"
)
# The program, with a shorter limit for lost workers, and several devices.
PROGRAM = """
from rnnwords.training.distributed import cluster
cluster.LOST_SECONDS = 10
if {devices} > 1:
    import tensorflow as tf
    devices = [tf.config.LogicalDeviceConfiguration()] * {devices}
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
from rnnwords.cli import main
main()
"""


class Process:
    """`rnnwords train` in a directory of its own."""

    def __init__(self, directory: Path, options: str, config: str = "", devices: int = 1) -> None:
        directory.mkdir(exist_ok=True)
        self.directory, self.errors = directory, directory.with_suffix(".stderr")
        command = [sys.executable, "-c", PROGRAM.format(devices=devices), "train", str(FABLE), "--model", "run"]
        with open(self.errors, "wb") as errors:
            self.child = subprocess.Popen(
                [*command, *NETWORK.split(), *options.split()], cwd=directory,
                env=environment(TF_CONFIG=config, CUDA_VISIBLE_DEVICES="-1", TMPDIR=str(directory.parent)),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip

    def end(self) -> tuple[int, list[str]]:
        """Wait for it. Returns the exit status and the lines on stderr."""
        output, _ = self.child.communicate(timeout=LIMIT)
        assert output == b""
        return self.child.returncode, self.lines()

    def lines(self) -> list[str]:
        return self.errors.read_text("utf-8").splitlines()

    def checkpoints(self) -> list[int]:
        """Return the steps of the checkpoints."""
        return sorted(int(item.stem[5:]) for item in self.directory.glob("run/checkpoints/step-*.safetensors"))

    def history(self) -> list[dict[str, float]]:
        """Return the reports of the run, without fields that need not be equal."""
        lines = (self.directory / "run" / "history.jsonl").read_text("utf-8").splitlines()
        reports = [json.loads(line) for line in lines]
        kept = ("step", "epoch", "loss", "accuracy", "learning_rate", "validation_loss", "validation_accuracy")
        return [{name: report[name] for name in kept if report[name] is not None} for report in reports]


Start = Callable[..., Process]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start processes, which end with the tests."""
    base, processes = tmp_path_factory.mktemp("distribute"), []

    def begin(name: str, *arguments: Any, **settings: Any) -> Process:
        processes.append(Process(base / name, *arguments, **settings))
        return processes[-1]

    yield begin
    for process in processes:
        process.child.kill()
        process.child.communicate()


@pytest.fixture(scope="module")
def one(start: Start) -> Process:
    """Start the run of one process, with which others are compared."""
    return start("one", WINDOWS)


def cluster(workers: int = 2) -> list[str]:
    """Return the TF_CONFIG of each worker, with free ports."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    addresses = [f"127.0.0.1:{item.getsockname()[1]}" for item in sockets]
    for item in sockets:
        item.close()
    return [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        for index in range(workers)
    ]


def start_two(start: Start, name: str, options: str) -> tuple[Process, Process]:
    """Start the chief and another worker."""
    first, second = cluster()
    both = f"{options} --distribute multiworker"
    return start(f"{name}-chief", both, first), start(f"{name}-worker", both, second)


def assert_equal(found: Process, expected: Process) -> None:
    """Check that the reports are equal, to 1e-5 relative."""
    assert len(expected.history()) >= 3
    for ours, theirs in zip(found.history(), expected.history(), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.slow
@pytest.mark.serial
def test_two_workers_have_the_losses_of_one_and_only_the_chief_writes(start: Start, one: Process) -> None:
    chief, worker = start_two(start, "windows", WINDOWS)
    status, lines = chief.end()
    assert status == 0, lines
    assert "distribution: 2 workers, 2 replicas, 3 or 2 rows each" in lines
    status, lines = worker.end()
    assert status == 0, lines
    assert [line.partition(":")[2][:9] for line in lines if "waiting" not in line] == [" training", " done aft"]
    assert list(worker.directory.iterdir()) == []
    assert one.end()[0] == 0, one.lines()
    assert_equal(chief, one)


@pytest.mark.slow
@pytest.mark.serial
def test_two_devices_have_the_losses_of_one(start: Start, one: Process) -> None:
    mirrored = start("mirrored", f"{WINDOWS} --distribute mirrored", "ignored", devices=2)
    status, lines = mirrored.end()
    assert status == 0, lines
    assert "distribution: 2 replicas, 3 or 2 rows each" in lines
    assert one.child.wait(LIMIT) == 0, one.lines()
    assert_equal(mirrored, one)


@pytest.mark.slow
@pytest.mark.serial
def test_a_stopped_or_killed_worker_ends_all_and_the_run_resumes(start: Start) -> None:
    whole = start("whole", STATEFUL)
    chief, worker = begun(start)
    worker.child.send_signal(signal.SIGTERM)
    assert chief.end()[0] == worker.end()[0] == 143, [*chief.lines(), *worker.lines()]
    reached = chief.checkpoints()[-1]
    assert reached < 300, "the run ended before it was stopped"
    assert f"Interrupted; step {reached} is saved." in chief.lines()[-1]

    chief, worker = begun(start, after=reached)
    worker.child.kill()
    killed = time.monotonic()
    status, lines = chief.end()
    assert status == 1
    assert lines[-1].startswith("Error: worker 1 (127.0.0.1:")
    assert "start all workers again" in lines[-1]
    assert not any("Traceback" in line for line in lines)
    assert time.monotonic() - killed < 60
    assert reached < chief.checkpoints()[-1] < 300

    chief, worker = start_two(start, "stateful", STATEFUL)
    status, lines = chief.end()
    assert status == worker.end()[0] == 0, lines
    assert any(line.startswith("resuming run at step ") for line in lines)
    assert "distribution: 2 workers, 2 replicas, 3 or 2 rows each" in lines
    assert whole.end()[0] == 0
    assert any(", batch 5, " in line for line in whole.lines())
    assert_equal(chief, whole)


def begun(start: Start, after: int = 0) -> tuple[Process, Process]:
    """Start two workers, and wait for a checkpoint after the step `after`."""
    chief, worker = start_two(start, "stateful", STATEFUL)
    end = time.monotonic() + LIMIT
    while max(chief.checkpoints(), default=0) <= after:
        assert chief.child.poll() is None, chief.lines()
        assert worker.child.poll() is None, worker.lines()
        assert time.monotonic() < end, [*chief.lines(), *worker.lines()]
        time.sleep(0.01)
    return chief, worker


GOOD = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("", "expected the environment variable TF_CONFIG"),
        ("{", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ("[]", "expected 'cluster', an object"),
        ("{}", "expected 'cluster', an object"),
        ({**GOOD, "cluster": {}}, "expected 'cluster'"),
        ({**GOOD, "cluster": {"worker": "a:1"}}, "expected 'worker', a list"),
        ({**GOOD, "cluster": {"worker": []}}, "expected 'worker', a list"),
        ({**GOOD, "cluster": {"worker": ["a:1"], "ps": ["c:3"]}}, "found 'ps'"),
        ({**GOOD, "cluster": {"worker": ["a"]}}, "HOST:PORT"),
        ({**GOOD, "cluster": {"worker": ["a:0"]}}, "from 1 to 65,535, found 'a:0'"),
        ({**GOOD, "cluster": {"worker": ["a:65536"]}}, "from 1 to 65,535"),
        ({**GOOD, "cluster": {"worker": [1, 2]}}, "found 1"),
        ({**GOOD, "cluster": {"worker": ["a:1", "a:1"]}}, "found a:1 twice"),
        ({**GOOD, "cluster": {"chief": ["a:1", "c:1"], "worker": ["b:1"]}}, "one chief, found 2"),
        ({"cluster": GOOD["cluster"]}, "expected 'task'"),
        ({**GOOD, "task": {"type": "chief", "index": 0}}, "a task type of worker, found 'chief'"),
        ({**GOOD, "task": {"type": ["worker"], "index": 0}}, "a task type of"),
        ({**GOOD, "task": {"type": "worker", "index": 2}}, "a task index of worker from 0 to 1, found 2"),
        ({**GOOD, "task": {"type": "worker", "index": "1"}}, "found '1'"),
        ({**GOOD, "task": {"type": "worker", "index": True}}, "found True"),
    ],
)
def test_a_bad_tf_config_is_refused_in_one_line(
    config: Any, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TF_CONFIG", config if isinstance(config, str) else json.dumps(config))
    monkeypatch.chdir(tmp_path)
    assert run(["train", str(FABLE), "--distribute", "multiworker"]) == 2
    err = capsys.readouterr().err
    assert expected in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_roles_follow_from_tf_config() -> None:
    assert role_of(None, {}) is None
    role = role_of("multiworker", {"TF_CONFIG": json.dumps(GOOD)})
    assert role is not None
    assert (role.index, role.workers, role.chief, role.name(0)) == (1, 2, False, "the chief (a:1)")
    config = {"cluster": {"worker": ["b:2", "c:3"], "chief": ["a:1"]}, "task": {"type": "worker", "index": 1}}
    role = role_of("multiworker", {"TF_CONFIG": json.dumps(config)})
    assert role is not None
    assert (role.index, role.addresses) == (2, ("a:1", "b:2", "c:3"))
    assert (role.of_task("worker", 0), role.of_task("chief", 0)) == (1, 0)
    assert role_of("mirrored", {"TF_CONFIG": "{"}) == Role("mirrored", 0, ("",), {})


@pytest.mark.parametrize(("batch", "parts"), [(1, 1), (7, 2), (7, 3), (67, 8), (8, 8)])
def test_rows_are_split_evenly_and_without_gaps(batch: int, parts: int) -> None:
    rows = [rows_of(batch, part, parts) for part in range(parts)]
    assert [row for part in rows for row in range(batch)[part]] == list(range(batch))
    sizes = [part.stop - part.start for part in rows]
    assert max(sizes) - min(sizes) <= 1


def meet(chief_devices: int = 0, worker_devices: int = 0, other: str = "") -> tuple[list[Any], list[Any]]:
    """Return what chief and worker get from their rendezvous."""
    roles = [role_of("multiworker", {"TF_CONFIG": config}) for config in cluster()]
    results: list[list[Any]] = [[], []]

    def attend(index: int, join: Callable[[], Any]) -> None:
        try:
            results[index].append(join())
        except (TrainingError, UsageError) as error:
            results[index].append(error)

    chief, worker = roles
    assert chief is not None
    assert worker is not None
    if other:
        worker = Role(worker.strategy, worker.index, (worker.addresses[0], other), worker.tasks)
    parts = [
        lambda: returned(rendezvous.gather(chief, chief_devices, {"hello": 1})),
        lambda: returned(rendezvous.join(worker, worker_devices)),
    ]
    threads = [threading.Thread(target=attend, args=pair) for pair in enumerate(parts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    return results[0], results[1]


def test_the_rendezvous_gives_the_worker_the_answer_of_the_chief() -> None:
    assert meet() == ([None], [{"hello": 1}])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"worker_devices": 1}, "expected 0 GPUs in each worker, as in the chief, found 1"),
        ({"other": "c:3"}, "expected the same cluster in each TF_CONFIG"),
    ],
)
def test_chief_and_worker_report_a_mismatch(settings: dict[str, Any], expected: str) -> None:
    for (result,) in meet(**settings):
        assert isinstance(result, UsageError)
        assert expected in str(result)


def test_missing_workers_and_chiefs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendezvous, "WAIT_SECONDS", 0.5)
    chief, worker = (role_of("multiworker", {"TF_CONFIG": config}) for config in cluster())
    assert chief is not None
    assert worker is not None
    with pytest.raises(TrainingError, match=r"within 0.5 s, worker 1 \(127.0.0.1:\d+\) missing"):
        returned(rendezvous.gather(chief, 0, {}))
    with pytest.raises(TrainingError, match=r"an answer of the chief .* within 0.5 s, found none"):
        returned(rendezvous.join(worker, 0))
    with (
        socket.create_server(("", int(chief.addresses[0].rpartition(":")[2]))),
        pytest.raises(TrainingError, match="in use"),
    ):
        returned(rendezvous.gather(chief, 0, {}))
