"""Shards on a Dask cluster: whoever is killed, the records end equal to those of an undisturbed run."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from toy_calls import hang, number_of_process

from icbench.errors import UsageError
from icbench.kinds.executor import ExecutorLostError
from icbench.plugins.manager import plugin_manager
from icbench.records.record import read_record
from icbench.running import open_run
from icbench.running.execute import entries_from_specs, execute
from icbench.running.observer import Observer
from icbench.running.options import Options

TESTS = Path(__file__).parents[1]
SECONDS = 600
OPTIONS = Options(steps=3, device="cpu", precision="float32", batch_size=5, seeds=(0, 1), results=Path("there"))


ENVIRONMENT = {
    "ICBENCH_PLUGIN_FILES": str(TESTS / "toy.py"),
    "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS / "builtin"), *sys.path]),
}
"""The toys, for whatever process is started."""


@pytest.fixture(autouse=True)
def _ten_shards_a_run(monkeypatch):
    """Of five images each."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(open_run, "SHARD_IMAGES", 5)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


class Stop(Observer):
    """Does something once the first shard has come back."""

    def __init__(self, what):
        self.what = what

    def on_batch(self, images, correct=None):
        if images and self.what:
            what, self.what = self.what, None
            what()


def run(executor, watcher=None, **options):
    specs = {"generator": ["linear"], "dataset": ["toy"]}
    entries = entries_from_specs(plugin_manager(), specs)
    chosen = replace(OPTIONS, executor=executor, **options)
    return [each.record for each in execute(entries, chosen, watcher or Observer())]


def assert_as_undisturbed(records):
    for ours, theirs in zip(records, run("local", results=Path("here")), strict=True):
        assert (ours.status, ours.metadata.key) == ("ok", theirs.metadata.key)
        found, expected = ours.images(), theirs.images()
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


class Cluster:
    """A scheduler and two workers, each with its nanny, in processes of their own."""

    def __init__(self, folder):
        self.file = folder / "scheduler.json"
        self.scheduler = self.start("scheduler", "--no-dashboard", "--port", "0")
        options = ("--nworkers", "2", "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder))
        # Whoever connects waits a while only, and a busy machine may take longer to start it.
        while not self.file.exists() and self.scheduler.poll() is None:
            time.sleep(0.05)
        self.workers = self.start("worker", *options)

    def start(self, what, *options):
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--scheduler-file", str(self.file), *options]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, env={**os.environ, **ENVIRONMENT}, **quiet)

    @property
    def executor(self):
        return f"dask:scheduler_file={self.file}"

    def kill_worker(self):
        """One of the two: it computes, and its nanny starts another."""
        children = psutil.Process(self.workers.pid).children()
        next(each for each in children if "spawn_main" in " ".join(each.cmdline())).kill()

    def end(self):
        for process in (self.workers, self.scheduler):
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            for each in (*children, process):
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    pytest.importorskip("distributed")
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.end()


@pytest.mark.slow
def test_a_worker_that_is_killed_in_mid_run_costs_nothing(cluster):
    assert_as_undisturbed(run(cluster.executor, Stop(cluster.kill_worker)))


DRIVER = """
import os, signal, sys
from pathlib import Path
import test_dask
test_dask.open_run.SHARD_IMAGES = 5
test_dask.run(sys.argv[1], test_dask.Stop(lambda: os.kill(os.getpid(), signal.SIGKILL)))
"""


@pytest.mark.slow
def test_once_the_driver_is_killed_the_same_command_goes_on_where_it_was(cluster):
    done = subprocess.run([sys.executable, "-c", DRIVER, cluster.executor], check=False)
    assert done.returncode == -signal.SIGKILL
    images = []

    class Resumed(Observer):
        def begin(self, label, total, done):
            images.append(done)

    assert_as_undisturbed(run(cluster.executor, Resumed()))
    assert images[0] > 0


@pytest.mark.slow
def test_once_the_scheduler_is_killed_the_same_command_completes_the_runs_elsewhere(cluster):
    """The last that uses it."""
    with pytest.raises(ExecutorLostError, match="the connection to the Dask scheduler is lost"):
        run(cluster.executor, Stop(cluster.scheduler.kill))
    kept = [read_record(path) for path in sorted(Path("there").iterdir())]
    assert {record.status for record in kept} == {"failed"}
    assert 0 < sum(record.metrics.images for record in kept) < 100
    assert_as_undisturbed(run("local"))


@pytest.mark.slow
def test_a_cluster_that_is_started_here_ends_with_the_executor_and_survives_a_worker():
    before = children()
    executor = plugin_manager().select("executor", "dask:workers=1,timeout=600").build()
    assert executor.slots == 2
    first = executor.submit(number_of_process).result(SECONDS)
    os.kill(first, signal.SIGKILL)
    assert executor.submit(number_of_process).result(SECONDS) not in (first, os.getpid())
    held = executor.submit(hang)
    while not held.running():
        time.sleep(0.01)
        executor._look()
    executor.give_up(held)
    assert executor.submit(number_of_process).result(SECONDS)
    executor.close()
    assert not {*children()} - {*before}


def children():
    """The processes that were started, but for the one in which Python keeps an account of what they share."""
    found = psutil.Process().children(recursive=True)
    alive = [each for each in found if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    return [each for each in alive if "resource_tracker" not in " ".join(each.cmdline())]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("dask:scheduler=tcp://127.0.0.1:9", "there is no Dask scheduler at tcp://127.0.0.1:9"),
        ("dask:scheduler_file=nowhere.json", "there is no Dask scheduler at nowhere.json"),
        ("dask:scheduler=tcp://127.0.0.1:9,scheduler_file=nowhere.json", "say the same in two ways"),
    ],
)
def test_a_scheduler_that_is_not_there_is_named_before_anything_is_computed(spec, reason, monkeypatch):
    monkeypatch.setattr("icbench.builtin.executors.dask.CONNECT_SECONDS", 0.1)
    with pytest.raises(UsageError, match=reason):
        run(spec)


def test_without_dask_the_way_to_install_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="dask cannot be used") as error:
        plugin_manager().select("executor", "dask").build()
    assert "icbench[dask]" in error.value.hint
