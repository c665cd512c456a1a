"""An executor that gives each shard to SLURM as a job of its own, with submitit.

    icbench run --plugin-file examples/submitit_executor.py --executor submitit:jobs=50,partition=short

`cluster=local` runs jobs as processes of this machine. A job takes seconds to start; for workers that stay, use dask.
"""

import threading
from concurrent.futures import Future

from icbench import Component, Param, hookimpl
from icbench.kinds.executor import Executor


class Submitit(Executor):
    """Jobs, and a thread that looks which are done."""

    def __init__(self, jobs, partition, cluster):
        import submitit

        self.limit, self.jobs, self.closed = jobs, {}, threading.Event()
        self.executor = submitit.AutoExecutor("submitit-log", cluster=cluster or None)
        self.executor.update_parameters(timeout_min=60, slurm_partition=partition)
        threading.Thread(target=self.watch, daemon=True).start()

    @property
    def slots(self):
        return self.limit

    def submit(self, function, *arguments):
        answer = Future()
        answer.set_running_or_notify_cancel()
        self.jobs[answer] = self.executor.submit(function, *arguments)
        return answer

    def watch(self):
        while not self.closed.wait(1.0):
            for answer, job in [*self.jobs.items()]:
                if job.done():
                    del self.jobs[answer]
                    error = job.exception()
                    answer.set_exception(error) if error else answer.set_result(job.result())

    def give_up(self, answer):
        self.jobs.pop(answer).cancel(check=False)

    def close(self):
        self.closed.set()
        for answer in [*self.jobs]:
            self.give_up(answer)


@hookimpl
def icbench_executors():
    jobs, partition = Param("jobs", 50, "submitted at a time", low=1), Param("partition", "normal", "of SLURM")
    params = (jobs, partition, Param("cluster", "", "slurm or local; empty finds out"))
    yield Component("submitit", f"{__name__}:Submitit", "a SLURM job for each shard", params=params)
