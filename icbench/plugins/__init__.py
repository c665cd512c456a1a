"""Finding plugins and what they offer, so that a broken one costs its own components and nothing else."""

from icbench.errors import PluginWarning
from icbench.plugins.host import Host
from icbench.plugins.loading import PluginStatus
from icbench.plugins.sources import BUILTIN, PluginSource

__all__ = ["BUILTIN", "Host", "PluginSource", "PluginStatus", "PluginWarning"]
