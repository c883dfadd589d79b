"""A small model of the way of a webhook: what waits for what at a load that this machine cannot make itself.

Webhooks arrive as they do in life, each on its own. An API process takes them one after the other and commits what
has gathered; a worker takes up to a hundred at a time and needs so long for each and so long for the lot. The costs
are measured before; nothing here is guessed but that processes on other machines are as fast as on this one.
"""

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

percentiles = (50, 99)
MICROSECONDS = 1_000_000
all_percent = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Hold what one webhook costs where, in microseconds."""

    take_us: int
    """Of an API process, from the first byte to the last."""
    commit_us: int
    """Until a batch of webhooks is on the disk."""
    wake_us: int
    """From the commit until a worker has begun."""
    batch_us: int
    """Of a worker for each batch, however small."""
    settle_us: int
    """Of a worker and its database for each webhook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """Hold how many processes there are, and how much of a batch workers can do beside each other."""

    api: int = 1
    workers: int = 1
    batch_max: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """Hold what came out: how long webhooks wait until they are delivered, and how busy each part is."""

    per_second: int
    p50_ms: int
    p99_ms: int
    api_percent: int
    workers_percent: int

    @property
    def holds(self) -> bool:
        """Tell whether the parts keep up; otherwise the times only say how long it was tried."""
        return max(self.api_percent, self.workers_percent) < all_percent


def simulate(costs: Costs, plant: Plant, *, per_second: int, seconds: int = 20, seed: int = 1) -> Foreseen:
    """Let webhooks arrive for a while, and follow each until it is delivered."""
    arrivals = _arrivals(random.Random(seed), per_second, seconds)  # noqa: S311 (chance that can be repeated)
    stored = _store(arrivals, costs, plant)
    lags = _settle(stored, costs, plant)
    ordered = sorted(lags)
    p50, p99 = (ordered[min(len(ordered) * each // 100, len(ordered) - 1)] // 1000 for each in percentiles)
    each_us = (
        costs.settle_us + costs.batch_us // plant.batch_max
    )  # the busier workers are, the fuller are their batches
    return Foreseen(
        per_second=per_second,
        p50_ms=p50,
        p99_ms=p99,
        api_percent=per_second * costs.take_us * 100 // (plant.api * MICROSECONDS),
        workers_percent=per_second * each_us * 100 // (plant.workers * MICROSECONDS),
    )


def _arrivals(dice: random.Random, per_second: int, seconds: int) -> list[int]:
    """Throw the moments at which webhooks come, in microseconds."""
    moment, moments = 0, []
    while moment < seconds * MICROSECONDS:
        moments.append(moment)
        moment += round(dice.expovariate(per_second) * MICROSECONDS)
    return moments


def _store(arrivals: Sequence[int], costs: Costs, plant: Plant) -> list[tuple[int, int]]:
    """Take each webhook in by whichever process is free first, and commit; return arrival and commit of each."""
    free = [0] * plant.api
    heapify(free)
    stored = []
    for arrival in arrivals:
        taken = max(arrival, free[0]) + costs.take_us
        heapreplace(free, taken)
        stored.append((arrival, taken + costs.commit_us))
    return sorted(stored, key=lambda pair: pair[1])


def _settle(stored: Sequence[tuple[int, int]], costs: Costs, plant: Plant) -> list[int]:
    """Let workers take what is there, up to a batch at a time; return how long each webhook took in all."""
    commits = [commit for _, commit in stored]
    free = [0] * plant.workers
    heapify(free)
    lags, place = [], 0
    while place < len(stored):
        begin = max(commits[place] + costs.wake_us, free[0])
        end = min(bisect_right(commits, begin), place + plant.batch_max)
        done = begin + costs.batch_us + (end - place) * costs.settle_us
        heapreplace(free, done)
        lags += [done - arrival for arrival, _ in stored[place:end]]
        place = end
    return lags
