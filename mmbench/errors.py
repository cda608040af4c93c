"""Everything mmbench raises on purpose: the command line prints the message and exits with 2."""


class MMBenchError(Exception):
    """Base of all errors a caller can cause and fix."""


class UsageError(MMBenchError, ValueError):
    """Arguments that make no sense, or not together."""


class UnknownTaskError(MMBenchError, KeyError):
    """A task id that is not in the registry."""

    def __str__(self) -> str:  # KeyError would print the message in quotes
        return str(self.args[0])


class UnknownSuiteError(MMBenchError, KeyError):
    """A suite name that does not exist."""

    def __str__(self) -> str:
        return str(self.args[0])


class UnknownAgentError(MMBenchError, KeyError):
    """An agent name or `module:factory` that cannot be found."""

    def __str__(self) -> str:
        return str(self.args[0])


class SpecError(MMBenchError, ValueError):
    """A task specification that contradicts itself."""


class DependencyError(MMBenchError, ImportError):
    """A package that this part of mmbench needs is not installed."""


class SimulatorMissingError(DependencyError):
    """The package that simulates a domain is not installed."""


class GraphicsError(MMBenchError, RuntimeError):
    """A picture was asked for where none can be drawn.

    Args:
        message: What is missing.
        remedy: The command that installs it, where one does; it ends the sentence.
    """

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message if remedy is None else f"{message}: {remedy}")
        self.remedy = remedy


class ActionError(MMBenchError, ValueError):
    """An action of the wrong shape or with entries that are not finite."""


class EpisodeOverError(MMBenchError, RuntimeError):
    """`step` was called without a running episode."""


class EpisodeError(MMBenchError, ValueError):
    """An episode record or file that is not what it should be."""


class ReplayError(MMBenchError, AssertionError):
    """A replayed episode that differs from its record."""


class ResultError(MMBenchError, ValueError):
    """A result directory that cannot be read or continued."""


class RunError(MMBenchError, ValueError):
    """The folder of a run that is locked, damaged or of another run."""


class CheckpointError(MMBenchError, ValueError):
    """A checkpoint that cannot be read, or is of another model."""


class DeviceError(MMBenchError, ValueError):
    """The machine lacks the device or instructions that were asked for."""


class AgentError(MMBenchError, ValueError):
    """An agent that cannot be built or answers with something that is not an action."""


class WorkerError(MMBenchError, RuntimeError):
    """A worker process that failed for a reason that a restart does not fix."""


class AssetError(MMBenchError, FileNotFoundError):
    """An asset that is needed and not there."""


class LanguageError(MMBenchError, ValueError):
    """A text that cannot be encoded here."""


class DemonstrationError(MMBenchError, ValueError):
    """Demonstrations that cannot be made, read or converted."""


class ReplayDataError(MMBenchError, ValueError):
    """An episode that cannot be learned from."""
