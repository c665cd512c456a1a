"""What icbench logs is silent, until `--verbose` asks for it."""

import json
import logging
from pathlib import Path

import pytest
from command_line import icbench

from icbench.plugins.discovery import file_source
from icbench.records import buffer

RUN = [
    "run",
    "--generator",
    "linear",
    "--dataset",
    "toy",
    "--steps",
    "2",
    "--limit",
    "30",
    "--device",
    "cpu",
    "--quiet",
]
RUN += ["--precision", "float32", "--batch-size", "10"]


@pytest.fixture(autouse=True)
def _toys(toy_plugin, monkeypatch):
    monkeypatch.setattr(buffer, "SHARD_IMAGES", 20)


def test_verbose_tells_what_is_chosen_and_written_and_leaves_stdout_alone(capsys):
    code, out, err = icbench(capsys, "--verbose", *RUN, "--json")
    (run,) = json.loads(out)["data"]["runs"]
    assert code == 0
    lines = [line for line in err.splitlines() if "plugin icbench" not in line]
    assert lines == [
        f"icbench.running.session: {run['id']} on cpu in float32",
        f"icbench.running.session: run folder {run['path']}: 0 of 30 images done before",
        "icbench.running.batch_size: batch size 10, asked for",
        f"icbench.records.buffer: shard of 20 images written to {run['path']}",
        f"icbench.records.buffer: shard of 10 images written to {run['path']}",
    ]
    assert "icbench.plugins.manager: plugin icbench-toy loaded in" in err


def test_verbose_tells_that_a_run_goes_on(capsys):
    icbench(capsys, *RUN, "--limit", "20")
    err = icbench(capsys, "-v", *RUN)[2]
    assert "20 of 30 images done before" in err


def test_verbose_names_the_plugin_file(capsys, use_plugins):
    Path("mine.py").write_text(
        "from icbench import Component, hookimpl\n@hookimpl\ndef icbench_distances():\n"
        "    yield Component('mine', 'mine:Mine', 'a distance')\n"
    )
    use_plugins(file_source(Path("mine.py")))
    assert "plugin mine.py loaded in" in icbench(capsys, "-v", "plugins", "--json")[2]


def test_without_verbose_nothing_is_told_and_nothing_of_it_stays(capsys):
    icbench(capsys, "-v", *RUN)
    assert icbench(capsys, *RUN, "--rerun")[2] == ""
    logger = logging.getLogger("icbench")
    assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]
    assert logger.level == logging.NOTSET
    logging.getLogger("icbench.any").warning("not seen")
    assert capsys.readouterr().err == ""
