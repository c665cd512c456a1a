"""From records to a table that can be believed: which records may be compared, and what is really different."""

from icbench.ranking.collection import Collection, collect
from icbench.ranking.leaderboard import Leaderboard, rank

__all__ = ["Collection", "Leaderboard", "collect", "rank"]
