"""Cheap verbs stay cheap: what they load is seen in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "torchvision", "matplotlib", "PIL", "numpy", "scipy", "jinja2"}
OLD = Path(__file__).parents[1] / "records" / "schema-1"


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--help"], set()),
        (["plugins"], set()),
        (["run", "--help"], set()),
        (["invert", "--help"], set()),
        (["train", "--help"], set()),
        (["suite", "list"], set()),
        (["data"], {"numpy"}),
        (["leaderboard", str(OLD)], {"numpy", "scipy"}),
    ],
    ids=lambda value: value[0].lstrip("-") if isinstance(value, list) else "",
)
def test_cheap_verbs_load_no_heavy_library(arguments, needed):
    code = (
        "import sys\nfrom icbench.cli.main import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"heavy = {HEAVY - needed!r} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
