"""Runs a toy entry in a process of its own that kills itself at a chosen line of the code that keeps results."""

import os
import signal
import sys
from pathlib import Path

import icbench
from icbench.plugins import manager
from icbench.plugins.discovery import PluginSource
from icbench.records import buffer

PACKAGE = Path(icbench.__file__).parent
WATCHED = (str(PACKAGE / "records"), str(PACKAGE / "running" / "session.py"))


def run(results: Path, die_at: int = 0, count_to: Path | None = None) -> None:
    """Run, and die by SIGKILL at the line with number `die_at`, or write the number of lines to `count_to`.

    Before it dies, it writes beside `results` how many images had been classified.
    """
    import torch

    torch.set_num_threads(1)
    buffer.SHARD_IMAGES = 10
    manager.plugin_sources = lambda: [PluginSource("toy", "icbench-toy", "1.0", "toy")]
    lines = classified = 0
    add = buffer.ShardBuffer.add

    def counted_add(self, arrays, *costs):
        nonlocal classified
        classified += len(arrays["index"])
        add(self, arrays, *costs)

    buffer.ShardBuffer.add = counted_add

    def on_line(frame, event, argument):
        nonlocal lines
        lines += event == "line"
        if lines == die_at and event == "line":
            results.with_suffix(".classified").write_text(str(classified))
            os.kill(os.getpid(), signal.SIGKILL)
        return on_line

    def on_call(frame, event, argument):
        return on_line if frame.f_code.co_filename.startswith(WATCHED) else None

    sys.settrace(on_call if die_at or count_to else None)
    icbench.run(
        generator="linear",
        dataset="toy",
        steps=5,
        limit=40,
        device="cpu",
        precision="float32",
        batch_size=10,
        results=results,
    )
    sys.settrace(None)
    if count_to:
        count_to.write_text(str(lines))
