"""Requests counted and timed in each web process; those of all processes are added up from files that they share.

The files stand in the folder that PROMETHEUS_MULTIPROC_DIR names, which `manage.py up` makes and empties. Without
it every process tells of its own requests alone.
"""

import logging
import os
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from crm.lib.logs import known_id, request_id, route

log = logging.getLogger("holdfast.web")
Start = Callable[..., Any]
Application = Callable[[dict[str, Any], Start], Iterable[bytes]]

own = CollectorRegistry()
REQUESTS = Histogram(
    "holdfast_request_seconds", "Time until a request was answered, by method and status", ["method", "status"],
    registry=own, buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS")


def registry() -> CollectorRegistry:
    """What all web processes have counted."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return own
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


def metered(application: Application) -> Application:
    """Give each request its id, in its lines and in its answer; count it, time it, and leave one line of it."""

    def outer(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        began, told = monotonic(), ["500"]
        here = known_id(str(environ.get("HTTP_X_REQUEST_ID", "")))
        token = request_id.set(here)

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            told[0] = status[:3]
            return start_response(status, [*headers, ("X-Request-ID", here)], *more)

        try:
            return application(environ, start)
        finally:
            seconds = monotonic() - began
            method = environ.get("REQUEST_METHOD", "")
            REQUESTS.labels(method if method in METHODS else "other", told[0]).observe(seconds)
            place = route(str(environ.get("PATH_INFO", "")))
            log.info("%s %s %s in %d ms", method[:10], place, told[0], seconds * 1000)
            request_id.reset(token)

    return outer
