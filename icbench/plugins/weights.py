"""Where plugins have weights: in a folder `weights` beside their hooks, for generators of whatever distribution."""

from importlib.util import find_spec
from pathlib import Path

from icbench.plugins.discovery import PluginSource, canonical, plugin_sources
from icbench.plugins.preferences import disabled_plugins

FOLDER = "weights"


def weights_folders() -> list[Path]:
    """The folders of weights of the plugins that are installed and not disabled."""
    disabled = disabled_plugins()
    sources = [source for source in plugin_sources() if not source.file and canonical(source.dist) not in disabled]
    folders = [folder / FOLDER for source in sources for folder in _package(source)]
    return [folder for folder in folders if folder.is_dir()]


def _package(source: PluginSource) -> list[Path]:
    """The folder of the module with a plugin's hooks, if there is one."""
    try:
        spec = find_spec(source.value.partition(":")[0])
    except Exception:  # of what is imported on the way, or of a name that is none
        return []
    return [Path(spec.origin).parent] if spec and spec.origin else []
