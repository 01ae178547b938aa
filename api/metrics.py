"""What Prometheus may scrape: requests by route and status, how long they took, events by what became of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from flask import Response

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Meters:
    """The process's counters. Children are kept by label, because looking them up costs more than counting."""

    registry: Any
    requests: Any
    seconds: Any
    events: Any
    children: dict[tuple[str, ...], tuple[Any, Any]] = field(default_factory=dict)

    def saw(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        labels = (method, route, str(status))
        found = self.children.get(labels)
        if found is None:
            found = (self.requests.labels(*labels), self.seconds.labels(method, route))
            self.children[labels] = found
        found[0].inc()
        found[1].observe(seconds)

    def told(self, counts: dict[str, int]) -> None:
        """Count events by what became of them."""
        for status, count in counts.items():
            if count:
                self.events.labels(status).inc(count)


@cache
def meters() -> Meters:
    """The counters of this process, made when first asked for."""
    # prometheus_client looks for its multiprocess folder when it is imported, and gunicorn's settings name it.
    from prometheus_client import CollectorRegistry, Counter, Histogram  # noqa: PLC0415

    registry = CollectorRegistry()
    return Meters(
        registry,
        Counter("trust_ledger_requests", "Requests answered", ("method", "route", "status"), registry=registry),
        Histogram(
            "trust_ledger_request_seconds",
            "Time to answer a request",
            ("method", "route"),
            registry=registry,
            buckets=BUCKETS,
        ),
        Counter("trust_ledger_events", "Events told of, by what became of them", ("status",), registry=registry),
    )


def page() -> Response:
    """All counters, summed over the server's processes."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest  # noqa: PLC0415
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    registry = meters().registry
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
