"""How fast Newt plans and learns, beside a plain implementation of the same equations."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mmbench import tasks
from mmbench.language import embedding_dim
from mmbench.progress import OnProgress, Progress, ignore_progress
from mmbench.training.replay import Batch
from mmbench.training.tables import discounts
from newt_agent.checkpoint import new_model
from newt_agent.config import LearningConfig, NewtConfig, SizeName
from newt_agent.learner import Learner
from newt_agent.player import Player
from newt_agent.precision import PLAIN, Acceleration
from newt_agent.reference.plain import PLAIN_LOSSES, plain_plan

_PLAIN_SLOTS = 8
"""The plain implementation takes as long per slot with any number, and needs much memory."""
_MATRIX = 2048


@dataclass(frozen=True, kw_only=True)
class NewtTiming:
    """What was measured for one size; times are medians.

    Attributes:
        size: Of the model.
        device: Where.
        dtype: Of the products in planning.
        update_dtype: Of the products in updates.
        is_compiled: Whether the fast side was compiled.
        num_slots: Slots planned for at once.
        batch_size: Sub-sequences per update.
        plan_ms_per_slot: Milliseconds per planned action.
        plan_speedup: How often that fits into the plain implementation's time.
        update_ms: Milliseconds per update.
        update_speedup: How often that fits into the plain implementation's time.
        plan_share: Products per second while planning, as a share of `product_rate`.
        update_share: Products per second while updating, as a share of the rate of `update_dtype`.
        product_rate: Multiply-adds, counted twice, per second in large products of `dtype`.
    """

    size: str
    device: str
    dtype: str
    update_dtype: str
    is_compiled: bool
    num_slots: int
    batch_size: int
    plan_ms_per_slot: float
    plan_speedup: float
    update_ms: float
    update_speedup: float
    plan_share: float
    update_share: float
    product_rate: float


def time_newt(
    size: SizeName,
    *,
    num_slots: int,
    batch_size: int,
    device: torch.device,
    acceleration: Acceleration,
    repeats: int = 5,
    on_progress: OnProgress = ignore_progress,
) -> NewtTiming:
    """Time planning and updates of a freshly initialised model of the 200 tasks.

    Fast and plain take turns, so that both see the same machine.

    Args:
        size: Of the model.
        num_slots: Slots to plan for at once, of the first tasks.
        batch_size: Sub-sequences per update.
        device: Where.
        acceleration: Of the fast side.
        repeats: Measurements per side.
        on_progress: Called after each of the two parts.
    """
    names = [spec.id for spec in tasks(suite="full")]
    config = NewtConfig(size=size, embedding_dim=embedding_dim("minilm"))
    model = new_model(config, names, "minilm").to(device)
    generator = torch.Generator(device).manual_seed(0)
    all_discounts = discounts(names).to(device)
    task = torch.arange(num_slots, device=device) % len(names)
    obs = torch.randn(num_slots, config.obs_dim, generator=generator, device=device)
    states = obs.cpu().numpy()
    players = {
        how: Player(
            *(model, task),
            discount=all_discounts[task],
            config=config.planner,
            generator=generator,
            acceleration=how,
        )
        for how in (acceleration, PLAIN)
    }

    def fast_plan(how: Acceleration = acceleration) -> None:
        players[how].plan(states, None, np.ones(num_slots, bool))

    few = min(num_slots, _PLAIN_SLOTS)

    def slow_plan() -> None:
        plain_plan(
            *(model, obs[:few], task[:few]),
            discount=all_discounts[task[:few]],
            start=torch.zeros(few, config.horizon, config.action_dim, device=device),
            config=config.planner,
            generator=generator,
        )

    fast_s, slow_s = _medians((fast_plan, slow_plan), repeats, device)
    fast_s, slow_s = fast_s / num_slots, slow_s / few
    plan_flops = _flops(lambda: fast_plan(PLAIN)) / num_slots
    on_progress(Progress(f"measuring {size}", 1, 2))
    batch = _random_batch(config, len(names), batch_size, generator)
    learning = LearningConfig()
    fast = Learner(model, all_discounts, learning, 0, acceleration)
    slow_model = new_model(config, names, "minilm").to(device)
    slow = Learner(slow_model, all_discounts, learning, 0, losses=PLAIN_LOSSES)
    update_s, slow_update_s = _medians(
        (lambda: fast.update(batch), lambda: slow.update(batch)), repeats, device
    )
    update_flops = _flops(lambda: fast.update(batch))
    on_progress(Progress(f"measuring {size}", 2, 2))
    rate = _product_rate(acceleration.dtype, device)
    return NewtTiming(
        size=size,
        device=str(device),
        dtype=str(acceleration.dtype).removeprefix("torch."),
        update_dtype=str(acceleration.update_dtype).removeprefix("torch."),
        is_compiled=acceleration.is_compiled,
        num_slots=num_slots,
        batch_size=batch_size,
        plan_ms_per_slot=1e3 * fast_s,
        plan_speedup=slow_s / fast_s,
        update_ms=1e3 * update_s,
        update_speedup=slow_update_s / update_s,
        plan_share=plan_flops / fast_s / rate,
        update_share=update_flops / update_s / _product_rate(acceleration.update_dtype, device),
        product_rate=rate,
    )


def _random_batch(
    config: NewtConfig, num_tasks: int, size: int, generator: torch.Generator
) -> Batch:
    device = generator.device

    def drawn(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    steps = config.horizon
    return Batch(
        obs=drawn(steps + 1, size, config.obs_dim),
        action=2 * drawn(steps, size, config.action_dim) - 1,
        reward=drawn(steps, size),
        task=torch.randint(num_tasks, (size,), generator=generator, device=device),
    )


def _medians(
    functions: Sequence[Callable[[], object]], repeats: int, device: torch.device
) -> list[float]:
    """Return the median seconds of functions that take turns, after one call each to warm up."""
    seconds = []
    for turn in range(repeats + 1):
        row = [_seconds(function, device) for function in functions]
        if turn:
            seconds.append(row)
    return torch.tensor(seconds, dtype=torch.float64).median(0).values.tolist()


def _seconds(function: Callable[[], object], device: torch.device) -> float:
    began = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def _flops(function: Callable[[], object]) -> int:
    """Count the products of a call; compiled code is counted as it stands before compilation."""
    with FlopCounterMode(display=False) as counter, torch.compiler.set_stance("force_eager"):
        function()
    return int(counter.get_total_flops())


def _product_rate(dtype: torch.dtype, device: torch.device) -> float:
    a, b = (torch.randn(_MATRIX, _MATRIX, device=device).to(dtype) for _ in range(2))
    product = torch._int_mm if dtype == torch.int8 else torch.mm
    (seconds,) = _medians([lambda: product(a, b)], 5, device)
    return 2 * _MATRIX**3 / seconds
