"""The episode log: one Parquet row per episode, enough to play it again."""

from mmbench.episodes.film import film
from mmbench.episodes.record import EpisodeRecord
from mmbench.episodes.recording import record_episode
from mmbench.episodes.replay import Trajectory, replay
from mmbench.episodes.store import EpisodeWriter, read, read_all, write
from mmbench.episodes.verification import Verdict, is_robust, verify

__all__ = [
    "EpisodeRecord",
    "EpisodeWriter",
    "Trajectory",
    "Verdict",
    "film",
    "is_robust",
    "read",
    "read_all",
    "record_episode",
    "replay",
    "verify",
    "write",
]
