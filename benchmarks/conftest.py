"""Options and facts shared by the benchmarks."""

import pytest
import torch

from icbench.compute.allocator import keep_freed_memory
from icbench.compute.environment import environment


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", help="cpu, cuda or cuda:N")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """On CUDA, time with the device's events, unless another timer is asked for."""
    on_cuda = config.getoption("--device", "cpu").startswith("cuda") and torch.cuda.is_available()
    if on_cuda and config.getoption("benchmark_timer") == "time.perf_counter":
        config.option.benchmark_timer = "clock.cuda_seconds"


@pytest.fixture(scope="session")
def device(request) -> torch.device:
    chosen = torch.device(request.config.getoption("--device"))
    if chosen.type == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device here")
    keep_freed_memory()  # as `icbench run` does
    return chosen


def pytest_benchmark_update_machine_info(config, machine_info):
    """Keep what decides the figures, and no host name: results are meant to be published."""
    machine_info.clear()
    machine_info.update(environment())


def pytest_benchmark_update_commit_info(config, commit_info):
    commit_info.pop("author_time", None)
    commit_info.pop("project", None)
