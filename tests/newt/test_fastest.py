"""Which precision is taken where a machine has several."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from newt_agent import fastest
from newt_agent.config import Precision
from newt_agent.fastest import fastest_precision
from newt_agent.precision import acceleration

CPU = torch.device("cpu")
ALL: tuple[Precision, ...] = ("int8", "bfloat16", "float32")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """Return a function that says what is measured from now on, and lists what was asked for."""
    monkeypatch.setenv("MMBENCH_CACHE", str(tmp_path))

    def says(**seconds: float) -> list[str]:
        asked: list[str] = []

        def found(precision: str) -> float:
            asked.append(precision)
            return seconds[precision]

        monkeypatch.setattr(fastest, "_seconds", found)
        return asked

    return says


def test_the_fastest_is_taken_if_it_is_much_faster(measured: Callable[..., list[str]]) -> None:
    measured(int8=1.0, bfloat16=0.9, float32=0.95)
    assert fastest_precision(ALL) == "int8"
    measured(int8=1.0, bfloat16=0.5, float32=0.7)
    assert fastest_precision(("int8", "bfloat16")) == "bfloat16"
    asked = measured()
    assert fastest_precision(("float32",)) == "float32"
    assert asked == []


def test_what_was_measured_is_remembered(
    measured: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measured(int8=3.0, bfloat16=1.0, float32=2.0) == []
    assert fastest_precision(ALL) == "bfloat16"
    asked = measured(int8=1.0, bfloat16=3.0, float32=2.0)
    assert fastest_precision(ALL) == "bfloat16"
    assert asked == []
    # Another number of threads is another machine, and the first is not forgotten.
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    assert fastest_precision(ALL) == "int8"
    assert asked == list(ALL)
    assert sorted(json.loads((tmp_path / fastest.REMEMBERED).read_text()).values()) == [
        "bfloat16",
        "int8",
    ]


@pytest.mark.parametrize("content", ["", "[1]", '{"a": ', "x" * 2**17, '{"%s": "int4"}'])
def test_a_damaged_memory_is_measured_anew(
    measured: Callable[..., list[str]], tmp_path: Path, content: str
) -> None:
    file = tmp_path / fastest.REMEMBERED
    file.write_text(content.replace("%s", fastest._machine(ALL)))
    asked = measured(int8=1.0, bfloat16=3.0, float32=2.0)
    assert fastest_precision(ALL) == "int8"
    assert asked == list(ALL)
    assert fastest_precision(ALL) == "int8"
    assert asked == list(ALL)


def test_without_a_cache_every_process_measures(
    measured: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MMBENCH_CACHE", str(tmp_path / "file" / "no-folder"))
    asked = measured(int8=1.0, bfloat16=3.0, float32=2.0)
    assert fastest_precision(ALL) == fastest_precision(ALL) == "int8"
    assert asked == [*ALL, *ALL]


def test_measuring_takes_time_and_no_randomness() -> None:
    before = torch.get_rng_state()
    assert 0 < fastest._seconds("float32") < 10
    assert torch.equal(before, torch.get_rng_state())


def test_auto_chooses_among_what_the_cpu_has(
    measured: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for has_int8, has_bfloat16, expected in (
        (False, False, []),
        (True, False, ["int8", "float32"]),
        (False, True, ["bfloat16", "float32"]),
        (True, True, ["int8", "bfloat16", "float32"]),
    ):
        monkeypatch.setattr("newt_agent.precision.kernel.is_supported", lambda has=has_int8: has)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=has_bfloat16: has)
        asked = measured(int8=3.0, bfloat16=2.0, float32=1.0)
        assert acceleration(CPU).dtype == torch.float32
        assert asked == expected
