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
)
