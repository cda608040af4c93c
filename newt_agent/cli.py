"""`mmbench train newt`, `mmbench finetune newt` and `mmbench bench newt`."""

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

import tyro

from mmbench.checks import at_least, writable_file
from mmbench.cli.output import print_json, print_table, show_progress
from mmbench.errors import RunError, UsageError
from mmbench.tables import Table
from mmbench.training.curves import EVALUATIONS, draw_learning_curves
from mmbench.training.devices import checked_device
from mmbench.training.run import with_suite
from newt_agent.config import Precision, SizeName, TrainConfig, UpdatePrecision
from newt_agent.precision import acceleration
from newt_agent.reference.bench import time_newt
from newt_agent.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class TrainNewt:
    """Train Newt; the same command continues a run where it was stopped.

    The folder gets checkpoints (`latest`, `final`), evaluations, and losses in `metrics.csv`.
    """

    out: Path
    """Folder of the run; it is made or continued."""
    suite: str | None = None
    """Suite to train on, instead of tasks."""
    profile: bool = False
    """Print at the end where the time went."""
    run_config: tyro.conf.OmitArgPrefixes[TrainConfig] = field(
        default_factory=lambda: TrainConfig(tasks=())
    )

    def run(self) -> int:
        """Train under a progress bar."""
        return _train(with_suite(self.run_config, self.suite), self.out, self.profile)


@dataclass(frozen=True, kw_only=True)
class FinetuneNewt:
    """Go on training a checkpoint's world model on other tasks.

    Weights, size and text encoder are the checkpoint's; optimisers and replay begin anew. The first
    episodes are played by its policy. Nothing holds on to what the policy did before, unless
    `--constraint-end` or `--imitate all` say so; `--fresh reward q` forgets what was of value.
    """

    out: Path
    """Folder of the run; it is made or continued."""
    suite: str | None = None
    """Suite to train on, instead of tasks."""
    profile: bool = False
    """Print at the end where the time went."""
    run_config: tyro.conf.OmitArgPrefixes[TrainConfig] = field(
        default_factory=lambda: TrainConfig(tasks=(), copies=10, constraint_end=0.0)
    )

    def run(self) -> int:
        """Train under a progress bar."""
        if self.run_config.checkpoint is None:
            raise UsageError("finetuning starts from a checkpoint; give one with --checkpoint")
        return _train(with_suite(self.run_config, self.suite), self.out, self.profile)


def _train(config: TrainConfig, out: Path, is_profiled: bool) -> int:
    with show_progress() as on_progress:
        trainer = Trainer(config, out, on_progress)
        trainer.run()
    print(f"{out / 'final'}")
    if is_profiled:
        print_table(trainer.times.table(), "where the time went")
    return 0


@dataclass(frozen=True, kw_only=True)
class BenchNewt:
    """Time planning and updates, beside a plain float32 implementation of the same equations."""

    sizes: tuple[SizeName, ...] = ("S", "B")
    """Sizes of the model."""
    slots: int = 8
    """Environments planned for at once."""
    batch_size: int = 256
    """Sub-sequences per update."""
    repeats: int = 5
    """Measurements of each; the median counts."""
    device: str = "cpu"
    """Where to compute, e.g. cuda."""
    precision: Precision = "auto"
    """Of the products in planning; auto is what is fastest here, by a measurement of a second."""
    update_precision: UpdatePrecision = "auto"
    """Of the products in updates; auto is bfloat16 where the hardware is made for it."""
    compile: bool = True
    """Fuse the fast side with torch.compile."""
    json: bool = False
    """Print one JSON array."""

    def run(self) -> int:
        """Measure every size."""
        at_least(1, slots=self.slots, batch_size=self.batch_size, repeats=self.repeats)
        device = checked_device(self.device)
        chosen = acceleration(
            device,
            precision=self.precision,
            update_precision=self.update_precision,
            compile=self.compile,
        )
        found = []
        with show_progress() as on_progress:
            for size in self.sizes:
                found.append(
                    time_newt(
                        size,
                        num_slots=self.slots,
                        batch_size=self.batch_size,
                        device=device,
                        acceleration=chosen,
                        repeats=self.repeats,
                        on_progress=on_progress,
                    )
                )
        if self.json:
            print_json([asdict(timing) for timing in found])
            return 0
        rows = tuple(
            (
                t.size,
                f"{t.plan_ms_per_slot:.1f}",
                f"{1e3 / t.plan_ms_per_slot:,.1f}",
                f"{t.plan_speedup:.2f}",
                f"{t.plan_share:.0%}",
                f"{t.update_ms:.1f}",
                f"{1e3 / t.update_ms:,.1f}",
                f"{t.update_speedup:.2f}",
                f"{t.update_share:.0%}",
            )
            for t in found
        )
        header = (
            *("size", "plan ms/slot", "plans/s", "x plain", "of product rate"),
            *("update ms", "updates/s", "x plain", "of product rate"),
        )
        first = found[0]
        title = (
            f"{self.slots} slots, batch {self.batch_size}, {first.device}, plans in {first.dtype} "
            f"(products at {first.product_rate / 1e12:.3f} TFLOP/s), updates in "
            f"{first.update_dtype}"
        )
        print_table(Table(header, rows), title)
        return 0


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Draw the learning curves of training runs side by side, one panel per task."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs. A curve is called as its folder; a number behind a last dash is the seed
    (ppo-0, ppo-1), and seeds of one name are one curve with a band from the least to the most."""
    out: Path
    """The picture, PNG."""

    def run(self) -> int:
        """Draw."""
        if not self.runs:
            raise UsageError("give at least one folder of a run")
        writable_file(self.out, (".png",))
        files: dict[str, list[Path]] = {}
        for run in self.runs:
            file = run / EVALUATIONS
            if not file.is_file():
                raise RunError(f"{run} is not a training run: it has no {file.name}")
            files.setdefault(re.sub(r"-\d+$", "", run.name), []).append(file)
        draw_learning_curves(files, self.out)
        print(self.out)
        return 0
