"""Several processes, as torchrun starts them, over gloo."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from mmbench.training.curves import read_evaluations

GRADIENTS = """
import json, torch
from mmbench.training.processes import Group
group = Group(torch.device("cpu"))
torch.manual_seed(group.rank)
layer = torch.nn.Linear(3, 2)
group.share(layer)
layer(torch.full((1, 3), 1.0 + group.rank)).sum().backward()
own = layer.weight.grad.clone()
group.average_gradients(layer.parameters())
print(json.dumps({
    "own": own.tolist(), "averaged": layer.weight.grad.tolist(), "weights": layer.weight.tolist(),
    "agree": [group.agree(True, torch.device("cpu")),
              group.agree(group.rank == 0, torch.device("cpu"))],
}))
"""
TRAINING = """
import dataclasses, sys
from newt_agent.trainer import Trainer
from tests.newt.test_trainer import CONFIG
config = dataclasses.replace(CONFIG, tasks=("mujoco-reacher", "og-point-arena"), eval_interval=800)
config = dataclasses.replace(config, env_steps=800)
Trainer(config, sys.argv[1]).run()
"""


def run(code: str, *arguments: str) -> list[str]:
    """Run code in two processes of one group; return what they print."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            env={
                **os.environ,
                **{"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"},
                **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"},
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [process.communicate(timeout=500)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    return outputs


def test_gradients_are_averaged() -> None:
    first, second = (json.loads(output) for output in run(GRADIENTS))
    assert first["weights"] == second["weights"]
    assert first["own"] == [[1.0] * 3] * 2
    assert second["own"] == [[2.0] * 3] * 2
    assert first["averaged"] == second["averaged"] == [[1.5] * 3] * 2
    assert first["agree"] == second["agree"] == [True, False]


def test_processes_end_with_the_same_weights(tmp_path: Path) -> None:
    run(TRAINING, str(tmp_path))
    first, second = (
        load_file(folder / "snapshot.safetensors") for folder in (tmp_path, tmp_path / "process-1")
    )
    for name, tensor in first.items():
        if name.startswith(("model.", "target.", "model_optimizer.", "policy_optimizer.", "scale")):
            torch.testing.assert_close(second[name], tensor, rtol=0, atol=0)
    assert not torch.equal(first["generator"], second["generator"])
    assert set(read_evaluations(tmp_path / "evaluations.csv")) == {
        "mujoco-reacher",
        "og-point-arena",
    }
