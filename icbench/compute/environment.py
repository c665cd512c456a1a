"""Facts about the machine and its libraries, fit to be published: no names of users, hosts or folders."""

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from icbench.compute.devices import precision_reason
from icbench.compute.machine import available_cores, bfloat16_instructions, cpu_model
from icbench.compute.probe import onednn_pays
from icbench.plugins.discovery import installed_sources
from icbench.version import __version__

LIBRARIES = ("torch", "torchvision", "numpy", "pluggy", "click", "rich", "safetensors", "platformdirs")


def library_versions() -> dict[str, str]:
    """The installed versions of the libraries icbench stands on; those missing are left out."""
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def environment() -> dict[str, Any]:
    """What a record says about where it was made. Imports torch."""
    # First, as whoever imports torch has it read the metadata of every distribution.
    plugins = plugin_versions()
    import torch

    return {
        "icbench": __version__,
        "libraries": library_versions(),
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": cpu_model(),
        "cores": available_cores(),
        "threads": torch.get_num_threads(),
        "bfloat16_cpu": bool(bfloat16_instructions()),
        "precision_cpu": precision_reason(),
        "onednn_cpu": [name for name in ("float32", "bfloat16") if onednn_pays(getattr(torch, name))],
        "gpus": [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())],
        "cuda": torch.version.cuda or "",
        "git_revision": git_revision(),
        "plugins": plugins,
    }


def plugin_versions() -> dict[str, str]:
    """The versions of the installed distributions that bring icbench components, from their metadata alone."""
    return dict(sorted((source.dist, source.version) for source in installed_sources()))


def without_folders(text: str) -> str:
    """`text` with every absolute path cut down to its last name, as the message of an error may hold one."""
    return re.sub(r"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\](?:[^\s/\\'\":]+[/\\])+", "", text)


def git_revision() -> str:
    """The revision of the source tree icbench runs from; empty for an installation, and where git does not tell.

    A repository that icbench is installed somewhere in is not its own, nor is one that the environment points to.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists() or not (root / "pyproject.toml").exists():
        return ""
    command = ["git", "-C", str(root), "rev-parse", "--show-toplevel", "HEAD"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, env=outside).stdout.splitlines()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return found[1] if len(found) == 2 and Path(found[0]).resolve() == root else ""
