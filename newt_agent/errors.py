"""What a user of Newt can cause and mend: the command line prints it and exits with 2."""

from mmbench import MMBenchError


class ReplayDataError(MMBenchError, ValueError):
    """An episode that cannot be learned from."""


class CheckpointError(MMBenchError, ValueError):
    """A checkpoint that cannot be read, or is of another model."""


class DeviceError(MMBenchError, ValueError):
    """The machine lacks what was asked for."""
