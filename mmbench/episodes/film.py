"""Videos of recorded episodes."""

from pathlib import Path

from mmbench.dependencies import needed_for
from mmbench.env import IMAGE_SIZE
from mmbench.episodes.record import EpisodeRecord
from mmbench.episodes.replay import replay
from mmbench.errors import UsageError

VIDEO_SUFFIXES = (".mp4", ".gif")
_VIDEO_FPS = 25


def film(record: EpisodeRecord, file: Path | str, *, image_size: int = IMAGE_SIZE) -> None:
    """Replay an episode into a video.

    Args:
        record: The episode.
        file: A name that ends in .mp4 or .gif.
        image_size: Height and width, in pixels.

    Raises:
        UsageError: If the name has another ending.
        ReplayError: If the replay differs.
    """
    file = Path(file)
    if file.suffix not in VIDEO_SUFFIXES:
        raise UsageError(f"cannot film to {file.name!r}; use {' or '.join(VIDEO_SUFFIXES)}")
    with needed_for("filming", "video"):
        import imageio.v3 as imageio
    images = replay(record, obs_type="rgb", image_size=image_size).images
    assert images is not None
    if file.suffix == ".gif":
        imageio.imwrite(file, images, duration=1000 / _VIDEO_FPS, loop=0)
    else:
        imageio.imwrite(file, images, fps=_VIDEO_FPS, macro_block_size=1)
