"""What a process counts, as Prometheus knows it."""

from collections.abc import Callable, Iterable
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, values

from tillkeeper import gateways
from tillkeeper.kernel import meters
from tillkeeper.kernel.meters import Listener, Meter
from tillkeeper.kernel.secrets import Secrets

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the page, and Prometheus needs none
PREFIX = "till_"
Take = Callable[[int], None]


def alone(registry: CollectorRegistry) -> Listener:
    """Count in memory."""
    values.ValueClass = values.MutexValue
    return _listener(registry)


def together(place: str) -> Listener:
    """Count in files that other processes read; `place` names ours."""
    values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]  # it says nothing of its types
    return _listener(CollectorRegistry())


def _listener(registry: CollectorRegistry) -> Listener:
    made = {meter.name: _make(meter, registry) for meter in meters.METERS}
    takers: dict[tuple[str, tuple[str, ...]], Take] = {}

    def listen(meter: Meter, labels: tuple[str, ...], by: int) -> None:
        take = takers.get((meter.name, labels))
        if take is None:
            take = takers[meter.name, labels] = _taker(made[meter.name], meter, labels)
        take(by)

    names = [each.name for each in gateways.connectors() if each.configured(Secrets())]
    for meter in meters.METERS:
        for labels in _known(meter, names):
            _taker(made[meter.name], meter, labels)
    return listen


def _make(meter: Meter, registry: CollectorRegistry) -> Counter | Histogram:
    name = PREFIX + meter.name
    if meter.bounds_ms:
        bounds = [bound / 1000 for bound in meter.bounds_ms]
        return Histogram(name, meter.says, meter.labels, buckets=bounds, registry=registry)
    return Counter(name, meter.says, meter.labels, registry=registry)


def _taker(made: Counter | Histogram, meter: Meter, labels: tuple[str, ...]) -> Take:
    """Find what counts under these labels, once: to look for it takes longer than to count."""
    found = made.labels(*labels) if meter.labels else made
    if isinstance(found, Histogram):
        observe = found.observe
        return lambda by: observe(by / 1000)
    return found.inc


def _known(meter: Meter, names: Iterable[str]) -> Iterable[tuple[str, ...]]:
    """List the labels that begin at nothing instead of being absent until something happens."""
    choices = {"gateway": tuple(names)}
    return product(*(choices.get(label, meter.codes) for label in meter.labels))
