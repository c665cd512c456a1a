"""The built-in executors: where the shards of runs are computed."""

from icbench.plugins.component import Component, Param

RETRIES = Param("retries", 2, "how often a shard is tried again", low=0, high=1000)
TIMEOUT = Param("timeout", 3600.0, "seconds that a worker may take for a shard; 0 waits for ever", low=0.0)

EXECUTORS = (
    Component(
        "local",
        "icbench.builtin.executors.local:Local",
        "the process itself, one run after the other",
        traits=("in-process",),
    ),
    Component(
        "processes",
        "icbench.builtin.executors.processes:Processes",
        "processes of this machine, which divide its cores",
        params=(
            Param("workers", 0, "processes; 0 is one for each CUDA device, or else each core", low=0, high=10_000),
            Param("threads", 0, "of each process; 0 divides the cores", low=0, high=10_000),
            RETRIES,
            TIMEOUT,
        ),
    ),
    Component(
        "dask",
        "icbench.builtin.executors.dask:Dask",
        "the workers of a Dask cluster, or of one started here",
        params=(
            Param("scheduler", "", "its address, tcp://host:8786; empty starts a cluster on this machine"),
            Param("scheduler_file", "", "the file that a scheduler wrote its address into", path=True),
            Param("workers", 0, "of a cluster started here; 0 is as for processes", low=0, high=10_000),
            Param("gpus", 0, "of the resource GPU, what a shard takes of its worker", low=0, high=64),
            RETRIES,
            TIMEOUT,
        ),
        traits=("slow-start",),
    ),
)
