"""From records to ranks: which records may be compared, and which differences are significant."""

from icbench.ranking.collection import Collection, collect
from icbench.ranking.leaderboard import Leaderboard, rank

__all__ = ["Collection", "Leaderboard", "collect", "rank"]
