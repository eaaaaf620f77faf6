"""Training on several devices and machines: the same losses as in one process, one writer, and nobody left behind."""

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
from rnnwords.training.distributed import rendezvous as meeting
from rnnwords.training.distributed.cluster import Role, role_of, rows_of
from tests.helpers import FABLE
from tests.processes import LIMIT, environment

NETWORK = "--layers 1 --units 15 --embedding 7 --seed 3 --precision float32 --patience 1000"
# All that chance has a part in, a batch that two cannot halve, and weights used twice.
WINDOWS = "--iterations 30 --log-every 10 --batch-size 5 --holdout 0.2 --tie --dropout 0.3 --ema 0.99 --histograms"
STATEFUL = (
    "--stateful --window 4 --batch-size 5 --iterations 300 --log-every 100 --checkpoint-every 10 --optimizer sgd "
    "--learning-rate 0.3"
)
# The program, but with less patience for a worker that gives no sign of life, and two devices.
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
        """Wait for it. The exit status, and what it told, line by line."""
        output, _ = self.child.communicate(timeout=LIMIT)
        assert output == b""
        return self.child.returncode, self.told()

    def told(self) -> list[str]:
        return self.errors.read_text("utf-8").splitlines()

    def checkpoints(self) -> list[int]:
        """The steps of the checkpoints that are there."""
        return sorted(int(item.stem[5:]) for item in self.directory.glob("run/checkpoints/step-*.safetensors"))

    def history(self) -> list[dict[str, float]]:
        """What the run reported, but for what need not be equal."""
        lines = (self.directory / "run" / "history.jsonl").read_text("utf-8").splitlines()
        reports = [json.loads(line) for line in lines]
        kept = ("step", "epoch", "loss", "accuracy", "learning_rate", "held_out_loss", "held_out_accuracy")
        return [{name: report[name] for name in kept if report[name] is not None} for report in reports]


Start = Callable[..., Process]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts processes, none of which outlives the tests."""
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
    """The run of one process that the others are compared with."""
    return start("one", WINDOWS)


def cluster(workers: int = 2) -> list[str]:
    """The TF_CONFIG of each worker, with ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    addresses = [f"127.0.0.1:{item.getsockname()[1]}" for item in sockets]
    for item in sockets:
        item.close()
    return [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        for index in range(workers)
    ]


def start_two(start: Start, name: str, options: str) -> tuple[Process, Process]:
    """The chief and another worker."""
    first, second = cluster()
    both = f"{options} --distribute multiworker"
    return start(f"{name}-chief", both, first), start(f"{name}-worker", both, second)


def assert_equal(found: Process, expected: Process) -> None:
    """Equal reports, to 1e-5 relative."""
    assert len(expected.history()) >= 3
    for ours, theirs in zip(found.history(), expected.history(), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


def test_two_workers_equal_one_and_only_the_chief_writes(start: Start, one: Process) -> None:
    chief, worker = start_two(start, "windows", WINDOWS)
    status, told = chief.end()
    assert status == 0, told
    assert "distribution: 2 workers, 2 replicas, 3 or 2 rows each" in told
    status, told = worker.end()
    assert status == 0, told
    assert [line.partition(":")[2][:9] for line in told if "waiting" not in line] == [" training", " done aft"]
    assert list(worker.directory.iterdir()) == []
    assert one.end()[0] == 0, one.told()
    assert_equal(chief, one)


def test_two_devices_equal_one(start: Start, one: Process) -> None:
    mirrored = start("mirrored", f"{WINDOWS} --distribute mirrored", "not looked at", devices=2)
    status, told = mirrored.end()
    assert status == 0, told
    assert "distribution: 2 replicas, 3 or 2 rows each" in told
    assert one.child.wait(LIMIT) == 0, one.told()
    assert_equal(mirrored, one)


def test_stopped_or_killed_workers_stop_all_and_the_run_resumes(start: Start) -> None:
    whole = start("whole", STATEFUL)
    chief, worker = begun(start)
    worker.child.send_signal(signal.SIGTERM)
    assert chief.end()[0] == worker.end()[0] == 143, [*chief.told(), *worker.told()]
    reached = chief.checkpoints()[-1]
    assert reached < 300, "the run was over before it was to be stopped"
    assert f"Interrupted; step {reached} is saved." in chief.told()[-1]

    chief, worker = begun(start, after=reached)
    worker.child.kill()
    killed = time.monotonic()
    status, told = chief.end()
    assert status == 1
    assert told[-1].startswith("Error: worker 1 (127.0.0.1:")
    assert "start all workers again" in told[-1]
    assert not any("Traceback" in line for line in told)
    assert time.monotonic() - killed < 60
    assert reached < chief.checkpoints()[-1] < 300

    chief, worker = start_two(start, "stateful", STATEFUL)
    status, told = chief.end()
    assert status == worker.end()[0] == 0, told
    assert any(line.startswith("resuming run at step ") for line in told)
    assert "distribution: 2 workers, 2 replicas, 3 or 2 rows each" in told
    assert whole.end()[0] == 0
    assert any(", batch 5, " in line for line in whole.told())
    assert_equal(chief, whole)


def begun(start: Start, after: int = 0) -> tuple[Process, Process]:
    """Two workers that have saved a checkpoint beyond the step `after`."""
    chief, worker = start_two(start, "stateful", STATEFUL)
    end = time.monotonic() + LIMIT
    while max(chief.checkpoints(), default=0) <= after:
        assert chief.child.poll() is None, chief.told()
        assert worker.child.poll() is None, worker.told()
        assert time.monotonic() < end, [*chief.told(), *worker.told()]
        time.sleep(0.01)
    return chief, worker


GOOD = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("", "needs the environment variable TF_CONFIG"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "must have 'cluster', an object"),
        ("{}", "must have 'cluster', an object"),
        ({**GOOD, "cluster": {}}, "must have 'cluster'"),
        ({**GOOD, "cluster": {"worker": "a:1"}}, "must have 'worker', a list"),
        ({**GOOD, "cluster": {"worker": []}}, "must have 'worker', a list"),
        ({**GOOD, "cluster": {"worker": ["a:1"], "ps": ["c:3"]}}, "got 'ps'"),
        ({**GOOD, "cluster": {"worker": ["a"]}}, "HOST:PORT"),
        ({**GOOD, "cluster": {"worker": ["a:0"]}}, "from 1 to 65,535; got 'a:0'"),
        ({**GOOD, "cluster": {"worker": ["a:65536"]}}, "from 1 to 65,535"),
        ({**GOOD, "cluster": {"worker": [1, 2]}}, "got 1"),
        ({**GOOD, "cluster": {"worker": ["a:1", "a:1"]}}, "a:1 stands twice"),
        ({**GOOD, "cluster": {"chief": ["a:1", "c:1"], "worker": ["b:1"]}}, "one chief; got 2"),
        ({"cluster": GOOD["cluster"]}, "must have 'task'"),
        ({**GOOD, "task": {"type": "chief", "index": 0}}, "task type must be one of worker; got 'chief'"),
        ({**GOOD, "task": {"type": ["worker"], "index": 0}}, "task type must be"),
        ({**GOOD, "task": {"type": "worker", "index": 2}}, "from 0 to 1, a place in the list of worker; got 2"),
        ({**GOOD, "task": {"type": "worker", "index": "1"}}, "got '1'"),
        ({**GOOD, "task": {"type": "worker", "index": True}}, "got True"),
    ],
)
def test_a_bad_tf_config_is_refused_in_one_line(
    config: Any, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TF_CONFIG", config if isinstance(config, str) else json.dumps(config))
    monkeypatch.chdir(tmp_path)
    assert run(["train", str(FABLE), "--distribute", "multiworker"]) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert len(told.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_roles() -> None:
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
    """What the chief and a worker get when they meet."""
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
        lambda: meeting.gather(chief, chief_devices, {"hello": 1}, print),
        lambda: meeting.join(worker, worker_devices, print),
    ]
    threads = [threading.Thread(target=attend, args=pair) for pair in enumerate(parts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    return results[0], results[1]


def test_workers_meet() -> None:
    assert meet() == ([None], [{"hello": 1}])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"worker_devices": 1}, "has 1 GPUs and the chief 0"), ({"other": "c:3"}, "another cluster in its TF_CONFIG")],
)
def test_workers_that_do_not_fit_are_told(settings: dict[str, Any], expected: str) -> None:
    for (result,) in meet(**settings):
        assert isinstance(result, UsageError)
        assert expected in str(result)


def test_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "WAIT_SECONDS", 0.5)
    chief, worker = (role_of("multiworker", {"TF_CONFIG": config}) for config in cluster())
    assert chief is not None
    assert worker is not None
    with pytest.raises(TrainingError, match=r"worker 1 \(127.0.0.1:\d+\) did not come within 0.5 s"):
        meeting.gather(chief, 0, {}, print)
    with pytest.raises(TrainingError, match=r"the chief .* did not come"):
        meeting.join(worker, 0, print)
    with (
        socket.create_server(("", int(chief.addresses[0].rpartition(":")[2]))),
        pytest.raises(TrainingError, match="in use"),
    ):
        meeting.gather(chief, 0, {}, print)
