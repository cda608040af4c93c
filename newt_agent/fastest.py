"""Which precision plans fastest on this machine: measured once, in seconds, and remembered."""

import contextlib
import hashlib
import json
import time
from collections.abc import Sequence
from typing import cast

import torch

from mmbench.errors import DeviceError, UsageError
from mmbench.files import cache_folder, read_limited, replacing
from mmbench.platform_class import processor
from newt_agent.config import NewtConfig, Precision
from newt_agent.int8.world_model import Int8WorldModel
from newt_agent.world_model import WorldModel

REMEMBERED = "precision.json"
"""In the cache: what was found, by machine."""
_MAX_BYTES = 2**16
_SLOTS, _SEQUENCES, _REPEATS = 8, 256, 5
_MUCH_FASTER = 1.2
"""What a later candidate must be to be taken, so that a noisy measurement does not change much."""


def fastest_precision(candidates: Sequence[Precision]) -> Precision:
    """Return in which of `candidates` a CPU plans fastest; the first counts unless far behind.

    What was measured is kept in the cache and holds until the processor, its instructions, the
    number of threads or PyTorch change. Without a cache each process measures.
    """
    if len(candidates) == 1:
        return candidates[0]
    file = cache_folder() / REMEMBERED
    machine = _machine(candidates)
    known: dict[str, object] = {}
    with contextlib.suppress(OSError, ValueError, UsageError):
        found = json.loads(read_limited(file, _MAX_BYTES, UsageError))
        known = found if isinstance(found, dict) else {}
    if (remembered := known.get(machine)) in candidates:
        return cast("Precision", remembered)
    seconds = {precision: _seconds(precision) for precision in candidates}
    chosen = candidates[0]
    for precision in candidates[1:]:
        if seconds[precision] * _MUCH_FASTER < seconds[chosen]:
            chosen = precision
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as partial:
            partial.write_text(json.dumps({**known, machine: chosen}, indent=1))
    return chosen


def _machine(candidates: Sequence[Precision]) -> str:
    """Return a digest of what the measurement depends on."""
    found = processor()
    told = (found.name, *sorted(found.flags), *candidates, torch.__version__)
    text = "\n".join((*told, str(torch.get_num_threads())))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@torch.no_grad()
def _seconds(precision: Precision) -> float:
    """Return what most of a plan takes: the dynamics and values of sequences of eight slots."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = NewtConfig(size="S")
        embeddings = torch.zeros(_SLOTS, config.embedding_dim)
        exact = WorldModel(config, embeddings, torch.ones(_SLOTS, config.action_dim))
        z = torch.rand(_SLOTS, 1, config.model_size.latent_dim)
        actions = torch.rand(_SLOTS, _SEQUENCES, config.action_dim)
    try:
        model = Int8WorldModel(exact) if precision == "int8" else exact
    except DeviceError:  # a compiler that cannot build the kernel
        return float("inf")
    context = exact.contexts(frozen=True).of(torch.arange(_SLOTS)[:, None])
    members = torch.arange(2)
    best = float("inf")
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        for _ in range(_REPEATS):
            start = time.perf_counter()
            following = model.next_latent(z, actions, context)
            model.reward_of(following, actions, context)
            model.value_of(following, actions, context, members)
            best = min(best, time.perf_counter() - start)
    return best
