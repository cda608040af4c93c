"""Videos of recorded episodes."""

from pathlib import Path

import numpy as np

from mmbench.checks import writable_file
from mmbench.dependencies import needed_for
from mmbench.env import IMAGE_SIZE
from mmbench.episodes.record import EpisodeRecord
from mmbench.episodes.replay import replay
from mmbench.progress import OnProgress, ignore_progress

VIDEO_SUFFIXES = (".mp4", ".gif")
_VIDEO_FPS = 25


def film(
    record: EpisodeRecord,
    file: Path | str,
    *,
    image_size: int = IMAGE_SIZE,
    on_progress: OnProgress = ignore_progress,
) -> None:
    """Replay an episode into a video.

    Args:
        record: The episode.
        file: A name that ends in .mp4 or .gif.
        image_size: Height and width, in pixels.
        on_progress: Called as the episode is replayed.

    Raises:
        UsageError: If the name has another ending, or there is no folder for it.
        ReplayError: If the replay differs.
    """
    file = Path(file)
    writable_file(file, VIDEO_SUFFIXES)
    with needed_for("filming", "video"):
        import imageio.v3 as imageio
    images = replay(record, obs_type="rgb", image_size=image_size, on_progress=on_progress).images
    assert images is not None
    if file.suffix == ".gif":
        imageio.imwrite(file, images, duration=1000 / _VIDEO_FPS, loop=0)
    else:
        # Colours are stored for 2 x 2 pixels: an odd size gets one more row and column.
        odd = image_size % 2
        even = np.pad(images, ((0, 0), (0, odd), (0, odd), (0, 0)), mode="edge")
        imageio.imwrite(file, even, fps=_VIDEO_FPS, macro_block_size=1)
