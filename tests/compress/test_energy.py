"""Energy counters, in a folder that looks like Linux's."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.compress.energy import EnergyMeter, spent


def package(powercap: Path, name: str, microjoules: int, most: int = 1_000_000_000) -> Path:
    folder = powercap / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    return folder / "energy_uj"


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)


def test_packages_count_and_their_parts_do_not_count_twice(tmp_path: Path) -> None:
    first, second = package(tmp_path, "intel-rapl:0", 5_000_000), package(tmp_path, "intel-rapl:1", 7_000_000)
    part = package(tmp_path, "intel-rapl:0:0", 1_000_000)
    with EnergyMeter(tmp_path) as meter:
        for counter, now in ((first, 8_500_000), (second, 8_000_000), (part, 3_000_000)):
            counter.write_text(str(now))
    assert meter.found == {"joules": 4.5, "method": "RAPL"}


def test_a_counter_that_begins_again_at_zero(tmp_path: Path) -> None:
    counter = package(tmp_path, "intel-rapl:0", 90_000_000, most=100_000_000)
    with EnergyMeter(tmp_path) as meter:
        counter.write_text("5000000")
    assert meter.found == {"joules": 15.0, "method": "RAPL"}


@pytest.mark.parametrize("there", [False, True])
def test_without_a_counter_nothing_is_said(tmp_path: Path, there: bool) -> None:
    if there:
        (package(tmp_path, "intel-rapl:0", 1)).write_text("no number")
    with EnergyMeter(tmp_path / ("" if there else "missing")) as meter:
        pass
    assert meter.found is None


def test_gpus_are_read_in_millijoules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML counts millijoules since the driver was loaded."""
    counters = {0: 1_000, 1: 2_000}
    library = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetTotalEnergyConsumption=counters.__getitem__,
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    counter = package(tmp_path, "intel-rapl:0", 0)
    with EnergyMeter(tmp_path) as meter:
        counters.update({0: 1_500, 1: 2_250})
        counter.write_text("250000")
    assert meter.found == {"joules": 1.0, "method": "RAPL+NVML"}


def test_what_was_spent_in_all() -> None:
    one = {"seconds": 1.5, "energy": {"joules": 3.0, "method": "RAPL"}}
    copied = {"seconds": 0.0}
    assert spent([one, copied, one]) == {"seconds": 3.0, "energy": {"joules": 6.0, "method": "RAPL"}}
    assert spent([one, {"seconds": 2.0}]) == {"seconds": 3.5}
    assert spent([copied]) == {"seconds": 0}
