"""How functions are compiled; what comes out of them is compared in test_plain and test_int8."""

from typing import Any

import pytest
import torch

from newt_agent.precision import acceleration


@pytest.mark.parametrize(("device", "mode"), [("cuda", "reduce-overhead"), ("cpu", None)])
def test_cuda_graphs_are_launched_on_gpus_alone(
    device: str, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Any] = []
    begun: list[None] = []
    monkeypatch.setattr(torch, "compile", lambda function, **options: compiled.append(options))
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: begun.append(None))
    chosen = acceleration(torch.device(device), precision="float32", compile=True)
    chosen.applied_to_losses(lambda: None, torch.device(device))
    chosen.applied_to_planning(lambda: None)
    chosen.begin_step()
    assert compiled == [{"mode": mode}] * 2
    assert len(begun) == (device == "cuda")
    plain = acceleration(torch.device(device), precision="float32")
    plain.applied_to_planning(lambda: None)
    plain.begin_step()
    assert len(compiled) == 2
    assert len(begun) == (device == "cuda")
