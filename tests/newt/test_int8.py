"""Planning in 8 bits: against the same rounding written out plainly, and against float32."""

import contextlib
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mmbench.errors import DeviceError
from mmbench.training import two_hot
from newt_agent.config import PlannerConfig
from newt_agent.int8 import kernel
from newt_agent.int8.kernel import Instructions, Last
from newt_agent.int8.world_model import Int8MLP, Int8WorldModel
from newt_agent.networks import StackedMLP
from newt_agent.planner import Plan, plan
from newt_agent.precision import Acceleration, acceleration
from newt_agent.world_model import WorldModel
from tests.newt.test_learner import DISCOUNTS, trained_model

E, A = 3, 6
CPUINFO = Path("/proc/cpuinfo")

on_avx2 = pytest.mark.skipif(
    not kernel.is_supported(), reason="needs a CPU with AVX2 and a C++ compiler"
)


def network(
    last: Last, *, latent_dim: int = 128, width: int = 64, action_dim: int = A, members: int = 1
) -> StackedMLP:
    """Weights, gains and shifts of the size they have after training."""
    torch.manual_seed(1)
    outputs = {Last.LINEAR: 2 * A, Last.SIMNORM: latent_dim, Last.TWO_HOT: two_hot.NUM_BINS}
    made = StackedMLP(
        num_members=members,
        x_dim=latent_dim,
        embedding_dim=5,
        more_dim=action_dim,
        widths=[width, width],
        out_dim=outputs[last],
        last="simnorm" if last == Last.SIMNORM else "linear",
    )
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def inputs(
    num_rows: int, *, latent_dim: int = 128, width: int = 64, members: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """Return latents in 255ths, the tasks' share of the first layer, and actions."""
    generator = torch.Generator().manual_seed(2)
    z = torch.randint(256, (E, num_rows, latent_dim), generator=generator, dtype=torch.uint8)
    context = torch.randn(members, E, 1, width, generator=generator)
    return z, context, torch.rand(E, num_rows, A, generator=generator) * 2 - 1


def written_out(
    network: StackedMLP, last: Last, member: int, z: Tensor, context: Tensor, actions: Tensor | None
) -> np.ndarray:
    """The network with rounded weights and activations, in float64 and without any trick."""

    def rounded(matrix: np.ndarray) -> np.ndarray:
        unit = np.abs(matrix).max(1, keepdims=True) / 127
        return np.rint(matrix / unit) * unit

    layers = [network.layer(i, frozen=True) for i in range(len(network.matrices))]
    matrices = [layer.matrix[member].double().numpy() for layer in layers]
    num_latents = z.shape[-1]
    h = z.double().numpy() / 255
    first = matrices[0][:, :num_latents]
    if actions is not None:
        share = matrices[0][:, num_latents + 5 :]
        both = rounded(np.concatenate((first / 255, share / 127.5), axis=1))
        first, share = both[:, :num_latents] * 255, both[:, num_latents:] * 127.5
        a = np.rint((actions.double().numpy() + 1) * 127.5) / 127.5 - 1
        h = h @ first.T + a @ share.T
    else:
        h = h @ rounded(first).T
    h = h + context[member].double().numpy()
    for index, layer in enumerate(layers):
        if index:
            unit = (h.max(-1, keepdims=True).clip(0) + 0.31) / 255
            h = np.rint((h + 0.31) / unit) * unit - 0.31
            h = h @ rounded(matrices[index]).T + layer.bias[member].double().numpy()
        if layer.gain is not None and layer.shift is not None:
            h = (h - h.mean(-1, keepdims=True)) / np.sqrt(h.var(-1, keepdims=True) + 1e-5)
            h = h * layer.gain[member].numpy() + layer.shift[member].numpy()
        if index < len(layers) - 1:
            h = h * np.tanh(np.log1p(np.exp(h)))
    if last == Last.LINEAR:
        return h
    if last == Last.SIMNORM:
        e = np.exp(h.reshape(*h.shape[:-1], 8, -1))
        return (e / e.sum(-2, keepdims=True)).reshape(h.shape) * 255
    p = np.exp(h - h.max(-1, keepdims=True))
    mean = (p * np.linspace(-10, 10, 101)).sum(-1) / p.sum(-1)
    return np.sign(mean) * (np.exp(np.abs(mean)) - 1)


@pytest.fixture(params=[None, *get_args(Instructions)])
def forced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernel as it is chosen, and as it is on other CPUs, as far as this one can run it."""
    if request.param is not None:
        force(monkeypatch, request.param)
    yield
    kernel.load.cache_clear()


def force(monkeypatch: pytest.MonkeyPatch, chosen: Instructions) -> None:
    choices = get_args(Instructions)
    fastest = kernel.instructions()
    has_avx_vnni = "avx_vnni" in CPUINFO.read_text().split() if CPUINFO.exists() else False
    if fastest is None or choices.index(chosen) < choices.index(fastest):
        pytest.skip(f"this CPU has no {chosen}")
    if chosen == "avx-vnni" and not has_avx_vnni:
        pytest.skip("this CPU has no avx-vnni")
    monkeypatch.setattr(kernel, "instructions", lambda: chosen)
    kernel.load.cache_clear()


@on_avx2
def test_sums_are_the_same_with_all_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes at their bounds, too, where 16 bits would not do for two products."""
    torch.manual_seed(1)
    made = StackedMLP(
        num_members=2, x_dim=128, embedding_dim=5, more_dim=A, widths=[], out_dim=128, last="linear"
    )
    with torch.no_grad():
        made.matrices[0].sign_()
        made.matrices[0][:, 64:] = torch.randn(2, 64, 139)
    z, context, actions = inputs(50, width=128, members=2)
    z[:, :9] = 255
    fastest = kernel.instructions()
    expected = Int8MLP(made, Last.LINEAR)(z, context, actions)
    for chosen in get_args(Instructions):
        if chosen != fastest:
            with monkeypatch.context() as forcing, contextlib.suppress(pytest.skip.Exception):
                force(forcing, chosen)
                found = Int8MLP(made, Last.LINEAR)(z, context, actions)
                torch.testing.assert_close(found, expected, rtol=0, atol=0)
    kernel.load.cache_clear()


@on_avx2
def test_an_old_compiler_makes_the_kernel_of_avx2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "g++"
    old.write_text(
        f'#!/bin/sh\ncase "$*" in *vnni*) exit 1;; esac\nexec {kernel.cpp_compiler()} "$@"\n'
    )
    old.chmod(0o700)
    monkeypatch.setenv("MMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kernel, "cpp_compiler", lambda: str(old))
    made, given = network(Last.LINEAR, members=2), inputs(50, members=2)
    found = {}
    for chosen in get_args(Instructions):
        kernel.load.cache_clear()
        monkeypatch.setattr(kernel, "instructions", lambda chosen=chosen: chosen)
        found[chosen] = Int8MLP(made, Last.LINEAR)(*given)
        torch.testing.assert_close(found[chosen], found["avx512-vnni"], rtol=0, atol=0)
    kernel.load.cache_clear()
    assert len(list((tmp_path / "cache" / "kernels").glob("*.so"))) == 1


@on_avx2
@pytest.mark.usefixtures("forced")
@pytest.mark.parametrize("last", Last)
@pytest.mark.parametrize(("latent_dim", "width"), [(128, 64), (704, 128)])
def test_networks_are_those_of_the_rounded_numbers(last: Last, latent_dim: int, width: int) -> None:
    sizes = {"latent_dim": latent_dim, "width": width}
    made = network(last, **sizes, members=2)
    z, context, actions = inputs(50, **sizes, members=2)
    found = Int8MLP(made, last)(z, context, actions)
    for member in range(2):
        expected = written_out(made, last, member, z, context, actions)
        # An entry that lies between two steps may be rounded either way; little follows from it.
        error = np.abs(found[member].double().numpy() - expected)
        scale = 255 if last == Last.SIMNORM else np.abs(expected).max()
        assert error.max() < 0.02 * scale
        assert np.median(error) < (0.3 if last == Last.SIMNORM else 1e-4 * scale)


@on_avx2
@pytest.mark.usefixtures("forced")
def test_a_network_without_actions() -> None:
    made = network(Last.LINEAR, action_dim=0)
    z, context, _ = inputs(7)
    expected = written_out(made, Last.LINEAR, 0, z, context, None)
    found = Int8MLP(made, Last.LINEAR)(z, context)[0].double().numpy()
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()


@on_avx2
def test_members_are_chosen() -> None:
    made = network(Last.TWO_HOT, members=4)
    z, context, actions = inputs(9, members=4)
    mlp = Int8MLP(made, Last.TWO_HOT)
    everyone = mlp(z, context, actions)
    pair = torch.tensor([3, 1])
    torch.testing.assert_close(
        mlp(z, context, actions, members=pair), everyone[pair], rtol=0, atol=0
    )


@on_avx2
def test_what_rows_share_is_not_rounded() -> None:
    made = network(Last.TWO_HOT)
    z, context, actions = inputs(20)
    shared = z[:, :1].float() / 255
    found = Int8MLP(made, Last.TWO_HOT)(shared, context, actions)[0]
    exact = two_hot.decode(made(shared, context, actions, frozen=True))[0]
    assert torch.corrcoef(torch.stack((found.flatten(), exact.flatten())))[0, 1] > 0.98


@on_avx2
@pytest.mark.parametrize("num_rows", [1, 5, 6, 7, 47, 48, 49, 97])
def test_a_row_does_not_depend_on_the_others(num_rows: int) -> None:
    mlp = Int8MLP(network(Last.SIMNORM), Last.SIMNORM)
    z, context, actions = inputs(97)
    everything = mlp(z, context, actions)
    some = mlp(z[:, :num_rows], context, actions[:, :num_rows])
    torch.testing.assert_close(some, everything[:, :, :num_rows], rtol=0, atol=0)


@on_avx2
def test_results_do_not_depend_on_the_number_of_threads() -> None:
    num_threads = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            mlp = Int8MLP(network(Last.TWO_HOT), Last.TWO_HOT)
            found.append(mlp(*inputs(200)))
    finally:
        torch.set_num_threads(num_threads)
    assert torch.equal(*found)


@on_avx2
def test_weights_are_taken_as_they_are_when_it_is_made() -> None:
    made = network(Last.LINEAR)
    before = Int8MLP(made, Last.LINEAR)
    expected = before(*inputs(4))
    with torch.no_grad():
        made.matrices[1].mul_(-1)
    torch.testing.assert_close(before(*inputs(4)), expected, rtol=0, atol=0)
    assert not torch.allclose(Int8MLP(made, Last.LINEAR)(*inputs(4)), expected)


@on_avx2
@pytest.mark.usefixtures("forced")
def test_hostile_numbers_do_no_harm() -> None:
    made = network(Last.TWO_HOT)
    z, context, actions = inputs(10)
    context[0, 0] = torch.nan
    actions[1] = 1e30
    context[0, 2] = 1e30
    assert Int8MLP(made, Last.TWO_HOT)(z, context, actions).shape == (1, E, 10)


def planned(model: WorldModel, how: Acceleration, seed: int = 0) -> Plan:
    task = torch.tensor([0, 1, 2])
    context = model.contexts(frozen=True).of(task)
    obs = torch.randn(3, 128, generator=torch.Generator().manual_seed(1))
    return plan(
        *(how.for_planning(model), model.encode(obs, context).detach(), task),
        context=context,
        discount=DISCOUNTS[task],
        start=torch.zeros(3, 3, 16),
        config=PlannerConfig(),
        generator=torch.Generator().manual_seed(seed),
        is_deterministic=True,
        acceleration=how,
    )


def worth(model: WorldModel, sequences: Tensor) -> Tensor:
    """Return the value of one sequence of actions per task, in float32."""
    task = torch.tensor([0, 1, 2])
    context = model.contexts(frozen=True).of(task)
    obs = torch.randn(3, 128, generator=torch.Generator().manual_seed(1))
    z, value, factor = model.encode(obs, context), torch.zeros(3), torch.ones(3)
    for action in sequences.unbind(1):
        value = value + factor * model.reward_of(z, action, context)
        factor = factor * DISCOUNTS[task]
        z = model.next_latent(z, action, context)
    last = model.act(z, context, model.action_masks[task], torch.zeros(3, 16)).mean
    return (value + factor * model.value_of(z, last, context, torch.arange(3))).detach()


@on_avx2
def test_plans_are_as_good_as_in_float32() -> None:
    model = trained_model()
    nothing = worth(model, torch.zeros(3, 3, 16))
    exact = worth(model, planned(model, Acceleration()).mean)
    rounded = worth(model, planned(model, Acceleration(dtype=torch.int8)).mean)
    gain, kept = exact - nothing, rounded - nothing
    assert (gain > 0.1).all()
    assert (kept > 0.97 * gain).all()


@on_avx2
def test_values_are_close_to_those_in_float32() -> None:
    model = trained_model()
    task = torch.tensor([0, 1, 2])
    context = model.contexts(frozen=True).of(task[:, None])
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(3, 400, 8, 48, generator=generator)
    latents = (255 * functional.softmax(logits, dim=2).flatten(-2)).round()
    actions = torch.rand(3, 400, 16, generator=generator) * 2 - 1
    small, pair = Int8WorldModel(model), torch.tensor([2, 0])
    bytes_ = latents.to(torch.uint8)
    for found, exact in (
        (
            small.reward_of(bytes_, actions, context),
            model.reward_of(latents / 255, actions, context),
        ),
        (
            small.value_of(bytes_, actions, context, pair),
            model.value_of(latents / 255, actions, context, pair),
        ),
    ):
        assert (found - exact).abs().mean() < 0.05 * exact.std()


def test_auto_is_not_int8_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert acceleration(torch.device("cpu")).dtype != torch.int8


def test_updates_are_in_float32_unless_bfloat16_is_asked_for_or_fast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = torch.device("cpu")
    for has_amx, has_avx512 in ((False, False), (True, False), (False, True)):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda found=has_amx: found)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda found=has_avx512: found)
        fastest = torch.bfloat16 if has_amx or has_avx512 else torch.float32
        assert acceleration(cpu).update_dtype == torch.float32
        assert acceleration(cpu, update_precision="bfloat16").update_dtype == torch.bfloat16
        assert acceleration(cpu, update_precision="auto").update_dtype == fastest


def refused(device: str = "cpu") -> str:
    kernel.load.cache_clear()
    with pytest.raises(DeviceError) as raised:
        acceleration(torch.device(device), precision="int8")
    return str(raised.value)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused("cuda") == "int8 was asked for, and cuda is no CPU"
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx2_supported", lambda: False)
    assert refused() == "int8 was asked for, and this CPU has no AVX2; leave the precision at auto"
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert refused() == (
        "int8 was asked for, and there is no C++ compiler; install g++ or clang++, or leave the "
        "precision at auto"
    )


def test_a_compiler_that_fails_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "g++"
    compiler.write_text("#!/bin/sh\necho 'g++: error: unknown option' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("MMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    assert refused() == (f"{compiler} could not build the int8 kernel: g++: error: unknown option")
    assert not list((tmp_path / "cache" / "kernels").iterdir())


@on_avx2
def test_the_kernel_is_built_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MMBENCH_CACHE", str(tmp_path))
    kernel.load.cache_clear()
    kernel.load()
    built = sorted(file.suffix for file in (tmp_path / "kernels").iterdir())
    assert built == [".sha256", ".so"]
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: pytest.fail("built anew"))
    kernel.load.cache_clear()
    kernel.load()


@on_avx2
@pytest.mark.parametrize("trick", ["replaced", "writable file", "writable folder", "link", "cut"])
def test_a_library_that_is_not_ours_is_never_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trick: str
) -> None:
    """Loaded, the planted library would leave a file behind."""
    monkeypatch.setenv("MMBENCH_CACHE", str(tmp_path))
    kernel.load.cache_clear()
    kernel.load()
    (library,) = (tmp_path / "kernels").glob("*.so")
    trace, planted = tmp_path / "trace", tmp_path / "planted.so"
    source = tmp_path / "planted.c"
    source.write_text(
        "#include <stdio.h>\nvoid pack() {}\nvoid run() {}\n"
        f'__attribute__((constructor)) void begin() {{ fclose(fopen("{trace}", "w")); }}\n'
    )
    subprocess.run(["g++", "-xc", "-shared", "-fPIC", source, "-o", planted], check=True)
    content = planted.read_bytes()
    library.unlink()
    if trick == "link":
        library.symlink_to(planted)
    else:
        library.write_bytes(content[: 100 if trick == "cut" else None])
    if trick.startswith("writable"):  # then whoever wrote it may have written its digest, too
        library.with_suffix(".sha256").write_text(hashlib.sha256(content).hexdigest())
        (library if trick == "writable file" else library.parent).chmod(0o777)
    kernel.load.cache_clear()
    kernel.load()
    assert not trace.exists()


@on_avx2
def test_the_kernel_needs_no_folder_to_stay_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MMBENCH_CACHE", str(tmp_path / "file"))
    kernel.load.cache_clear()
    kernel.load()
