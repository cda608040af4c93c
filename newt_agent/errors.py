"""What a user of Newt can cause and fix: the command line prints it and exits with 2."""

from mmbench.errors import CheckpointError, DeviceError, MMBenchError

__all__ = ["CheckpointError", "DeviceError", "ReplayDataError"]


class ReplayDataError(MMBenchError, ValueError):
    """An episode that cannot be learned from."""
