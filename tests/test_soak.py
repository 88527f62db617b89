"""The judge of long work sees a leak and a slowdown, and lets steady work pass."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import soak  # noqa: E402


def steps(seconds, memory):
    return [soak.Step(s, s, m << 20) for s, m in zip(seconds, memory, strict=True)]


STEADY = [5, 2, 1, 1.1, 0.9, 1, 1.1, 1, 0.9, 1.1, 1, 1], [300, *range(340, 351)]


def test_steady_work_passes_whatever_its_beginning_costs():
    assert soak.judge(steps(*STEADY)).good


@pytest.mark.parametrize("name", ["leak", "slow", "step"])
def test_growth_is_seen(name):
    seconds, memory = STEADY
    memory = [300 + 10 * i for i in range(12)] if name == "leak" else memory
    memory = [*memory[:6], *(m + 60 for m in memory[6:])] if name == "step" else memory
    seconds = [1 + 0.1 * i for i in range(12)] if name == "slow" else seconds
    assert not soak.judge(steps(seconds, memory)).good


def test_memory_and_time_are_measured():
    held = []

    def work():
        for _ in range(8):
            held.append(bytearray(10 << 20))
            sum(range(100_000))
            yield

    found = soak.measure(work())
    assert len(found) == 8 and all(step.seconds > 0 and step.wall > 0 for step in found)
    assert found[-1].memory - found[0].memory > 60 << 20
    assert not soak.judge(found).good
