"""`mmbench train newt`."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from mmbench import tasks
from mmbench.cli.output import progress_bar
from newt_agent.trainer import Progress, TrainConfig, Trainer


@dataclass(frozen=True, kw_only=True)
class TrainNewt:
    """Train Newt; the same command continues a run where it was stopped.

    The folder gets checkpoints (`latest`, `final`), evaluations, and losses in `metrics.csv`.
    """

    out: Path
    """Folder of the run; it is made or continued."""
    suite: str | None = None
    """Suite to train on, instead of tasks."""
    run_config: tyro.conf.OmitArgPrefixes[TrainConfig] = field(
        default_factory=lambda: TrainConfig(tasks=("pendulum-swingup",))
    )

    def run(self) -> int:
        """Train under a progress bar."""
        config = self.run_config
        if self.suite is not None:
            ids = tuple(spec.id for spec in tasks(suite=self.suite))
            config = dataclasses.replace(config, tasks=ids)
        with progress_bar() as bars:
            bar = bars.add_task("starting", total=None)

            def on_progress(progress: Progress) -> None:
                score = "" if progress.score is None else f", score {progress.score:.3f}"
                bars.update(
                    bar,
                    description=f"{progress.phase}{score}",
                    completed=progress.done,
                    total=progress.total,
                )

            Trainer(config, self.out, on_progress).run()
        print(f"{self.out / 'final'}")
        return 0
