"""The episode log: one Parquet row per episode, enough to play it again."""

from mmbench.episodes.record import EpisodeRecord
from mmbench.episodes.replay import Trajectory, replay
from mmbench.episodes.store import EpisodeWriter, read, read_all, write

__all__ = ["EpisodeRecord", "EpisodeWriter", "Trajectory", "read", "read_all", "replay", "write"]
