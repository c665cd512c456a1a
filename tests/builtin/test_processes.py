"""Worker processes of this machine: one that ends costs its own shard, and none outlives its driver."""

import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from toy_calls import end, environment, fill_memory, hang, number_of_process, raise_error, threads

from icbench.builtin.executors.processes import Processes
from icbench.builtin.executors.worker import LostWorkerError
from icbench.kinds.executor import ExecutorLostError
from icbench.plugins.manager import plugin_manager
from icbench.records.record import read_record
from icbench.running import open_run
from icbench.running.execute import entries_from_specs, execute
from icbench.running.observer import Observer
from icbench.running.options import Options

SECONDS = 120
"""After which a test that waits has failed; none takes so long."""


@pytest.fixture
def processes(monkeypatch):
    """A function that starts an executor without devices, which is closed in the end."""
    started = []
    monkeypatch.setattr("icbench.builtin.executors.processes.cuda_devices", lambda: [])

    def start(**options):
        started.append(Processes(**options))
        return started[-1]

    yield start
    for executor in started:
        executor.close()


def test_no_process_is_started_before_there_is_work(processes):
    before = psutil.Process().children()
    executor = processes(workers=2)
    assert psutil.Process().children() == before
    executor.submit(number_of_process).result(SECONDS)
    executor.close()
    assert psutil.Process().children() == before


def test_a_process_that_is_killed_costs_its_own_call_and_another_takes_its_place(processes):
    executor = processes(workers=1)
    first = executor.submit(number_of_process).result(SECONDS)
    lost, after = executor.submit(hang), executor.submit(number_of_process)
    while not lost.running():
        pass
    os.kill(first, signal.SIGKILL)
    with pytest.raises(LostWorkerError, match="killed by signal 9, as the system does where memory is full"):
        lost.result(SECONDS)
    assert after.result(SECONDS) not in (first, os.getpid())


def test_a_call_that_is_given_up_ends_its_process_and_no_other(processes):
    executor = processes(workers=2)
    held = executor.submit(hang)
    other = executor.submit(number_of_process).result(SECONDS)
    executor.give_up(held)
    with pytest.raises(LostWorkerError):
        held.result(SECONDS)
    answers = [executor.submit(number_of_process) for _ in range(2)]
    assert other in [answer.result(SECONDS) for answer in answers]


def test_a_call_that_is_given_up_leaves_those_of_others_at_work(processes):
    executor = processes(workers=2)
    held = executor.submit(hang)
    other = executor.submit(number_of_process).result(SECONDS)
    kept = executor.submit(hang)
    while not kept.running():
        pass
    executor.give_up(held)
    with pytest.raises(LostWorkerError):
        held.result(SECONDS)
    os.kill(other, signal.SIGTERM)
    with pytest.raises(LostWorkerError, match="ended by signal 15"):
        kept.result(SECONDS)


def test_a_process_that_exits_is_lost_and_the_next_call_is_answered(processes):
    executor = processes(workers=1)
    with pytest.raises(LostWorkerError, match="the worker ended with exit code 3"):
        executor.submit(end).result(SECONDS)
    assert executor.submit(number_of_process).result(SECONDS)


def test_a_call_that_raises_ends_no_process(processes):
    executor = processes(workers=1)
    first = executor.submit(number_of_process).result(SECONDS)
    with pytest.raises(ValueError, match="of no use"):
        executor.submit(raise_error).result(SECONDS)
    assert executor.submit(number_of_process).result(SECONDS) == first


def test_a_process_without_memory_is_lost_and_the_next_one_has_it(processes):
    executor = processes(workers=1)
    with pytest.raises((LostWorkerError, MemoryError)):
        executor.submit(fill_memory).result(SECONDS)
    assert executor.submit(number_of_process).result(SECONDS)


def test_the_cores_are_divided(processes, monkeypatch):
    monkeypatch.setattr("icbench.builtin.executors.processes.available_cores", lambda: 8)
    assert processes(workers=3).submit(threads).result(SECONDS) == "2"
    assert processes(workers=16).submit(threads).result(SECONDS) == "1"
    assert processes(workers=2, threads=3).submit(threads).result(SECONDS) == "3"
    assert processes().slots == 16


def test_each_process_has_one_of_the_cuda_devices(processes, monkeypatch):
    monkeypatch.setattr("icbench.builtin.executors.processes.cuda_devices", lambda: ["4", "7"])
    executor = processes()
    answers = [executor.submit(environment, "CUDA_VISIBLE_DEVICES") for _ in range(2)]
    assert sorted(answer.result(SECONDS) for answer in answers) == ["4", "7"]


def test_once_closed_it_takes_nothing_more(processes):
    executor = processes(workers=1)
    executor.close()
    executor.close()
    with pytest.raises(ExecutorLostError):
        executor.submit(number_of_process)


DRIVER = """
import sys
from toy_calls import hang, number_of_process
from icbench.builtin.executors import processes
processes.cuda_devices = lambda: []
executor = processes.Processes(workers=1)
print(executor.submit(number_of_process).result(), flush=True)
executor.submit(hang)
sys.stdin.read()
"""


def test_workers_end_with_a_driver_that_is_killed_also_in_mid_shard():
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    command = [sys.executable, "-c", DRIVER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, **pipes) as driver:
        worker = psutil.Process(int(driver.stdout.readline()))
        driver.kill()
    worker.wait(SECONDS)
    assert not worker.is_running()


RUNNING = """
import os, signal, sys
from pathlib import Path
import psutil
import test_processes
from icbench.running.observer import Observer

class Terminated(Observer):
    def on_batch(self, images, correct=None):
        if images:
            print(*(child.pid for child in psutil.Process().children()), flush=True)
            os.kill(os.getpid(), signal.SIGTERM)

if __name__ == "__main__":
    test_processes.run_toys("processes:workers=2,threads=1", Terminated())
"""


def run_toys(executor, watcher=None, results="there"):
    """The record of one run of ten shards."""
    open_run.SHARD_IMAGES = 5
    entries = entries_from_specs(plugin_manager(), {"generator": ["linear"], "dataset": ["toy"]})
    options = {"steps": 3, "device": "cpu", "precision": "float32", "batch_size": 5}
    chosen = Options(**options, executor=executor, results=Path(results))
    (made,) = execute(entries, chosen, watcher or Observer())
    return made.record


@pytest.mark.slow
def test_a_driver_that_is_terminated_leaves_no_process_and_the_same_command_completes_its_record(
    monkeypatch,
):
    tests = Path(__file__).parents[1]
    monkeypatch.setenv("ICBENCH_PLUGIN_FILES", str(tests / "toy.py"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tests), str(tests / "builtin"), *sys.path]))
    monkeypatch.setattr(open_run, "SHARD_IMAGES", 5)
    done = subprocess.run([sys.executable, "-c", RUNNING], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -signal.SIGTERM
    workers = [int(pid) for pid in done.stdout.split()]
    assert workers
    for pid in workers:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(SECONDS)
    (path,) = (path for path in Path("there").iterdir() if path.is_dir())
    stopped = read_record(path)
    assert stopped.status == "interrupted"
    assert 0 < stopped.metrics.images < 50
    begun = []

    class Resumed(Observer):
        def begin(self, label, total, done):
            begun.append(done)

    completed, undisturbed = run_toys("processes:workers=2,threads=1", Resumed()), run_toys("local", results="here")
    assert begun == [stopped.metrics.images]
    assert (completed.status, completed.metadata.key) == ("ok", undisturbed.metadata.key)
    for name, values in undisturbed.images().items():
        np.testing.assert_array_equal(completed.images()[name], values, err_msg=name)


def test_answers_are_futures(processes):
    assert isinstance(processes(workers=1).submit(number_of_process), Future)
