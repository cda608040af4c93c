"""A learner that is not part of mmbench: a linear policy, cloned from demonstrations."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from mmbench.agent import PolicyAgent
from mmbench.cli.output import show_progress
from mmbench.progress import Progress
from mmbench.registry import choose_tasks, get_task
from mmbench.spec import MAX_ACTION_DIM, MAX_OBS_DIM
from mmbench.training.demonstrations import demonstration_replay
from mmbench.training.run import load_snapshot, open_run, save_snapshot


@dataclass(frozen=True, kw_only=True)
class TrainToy:
    """Clone demonstrations with a linear policy."""

    out: Path
    """Folder of the run."""
    tasks: tuple[str, ...]
    """Tasks to clone."""
    updates: int = 300
    """Gradient steps."""
    demos: str = "shipped"
    """`shipped`, or a directory of demonstrations."""

    def run(self) -> int:
        """Train, and go on where a run was stopped."""
        tasks = choose_tasks(self.tasks)
        described = asdict(self) | {"out": None}
        is_begun = open_run(self.out, described, may_change=("updates",))
        weights = torch.zeros(len(tasks), MAX_OBS_DIM, MAX_ACTION_DIM, requires_grad=True)
        rng, done = np.random.default_rng(0), 0
        if is_begun:
            tensors, numbers = load_snapshot(self.out, "cpu")
            weights = tensors["weights"].requires_grad_()
            done, rng.bit_generator.state = numbers["updates"], numbers["rng"]
        with show_progress() as on_progress:
            replay = demonstration_replay(
                tasks, self.demos, horizon=1, has_practice=True, on_progress=on_progress
            )
            optimizer = torch.optim.Adam([weights], lr=0.1)
            for update in range(done + 1, self.updates + 1):
                batch = replay.sample(256, rng, torch.device("cpu"))
                answer = torch.einsum("bo,boa->ba", batch.obs[0], weights[batch.task])
                label, weight = batch.labels_and_weights()
                loss = (weight[0, :, None] * (answer.tanh() - label[0]).square()).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                on_progress(Progress("training", update, self.updates, f"loss {loss:.4f}"))
        save_snapshot(
            self.out,
            {"weights": weights},
            {"updates": self.updates, "rng": rng.bit_generator.state},
        )
        save_file(
            {name: weights[i].detach().clone() for i, name in enumerate(tasks)}, self.file(self.out)
        )
        print(self.out)
        return 0

    @staticmethod
    def file(folder: Path) -> Path:
        """Return where a folder's checkpoint is."""
        return folder / "linear.safetensors"


def make(tasks, *, checkpoint, device, seed):
    """Build the agent."""
    weights = load_file(TrainToy.file(Path(checkpoint)))
    specs = [get_task(name) for name in tasks]

    def policy_of(spec):
        matrix = weights[spec.id].numpy()[: spec.obs_dim, : spec.action_dim]
        return lambda obs: np.tanh(obs @ matrix)

    return PolicyAgent(specs, policy_of)
