"""Log lines for machines, JSON with the id of the request, and for a terminal; without a word of whom it was about.

A request's id comes from the proxy in `X-Request-ID` when that is one, is made otherwise, goes back in the answer,
and stands in every line that the request wrote.
"""

import logging
import re
import secrets
import traceback
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

import structlog

request_id: ContextVar[str] = ContextVar("request_id", default="")
_PLAIN = re.compile(r"[A-Za-z0-9._\-]{8,64}")
_WORD = re.compile(r"[a-z][a-z.\-]{0,30}|v1|\d{1,19}|")
# What programs and people put into errors and addresses: mail addresses, phone numbers, keys of ours, long tokens.
_TELLING = re.compile(
    r"[^\s<>\"'=:,;()/]+@[^\s<>\"',;()/]+\.[^\s<>\"',;()/]+"
    r"|\+\d[\d\s().\-/]{6,}\d"
    r"|\bhf[a-z]*_[A-Za-z0-9_\-]+"
    r"|\b[A-Za-z0-9_\-]{40,}"
    r"|(?<=/)[^\s/\"']{16,}|(?<=\?)[^\s\"']+"
)


def known_id(given: str) -> str:
    """The id that was given if it is a plain one, else a new one."""
    return given if _PLAIN.fullmatch(given) else secrets.token_hex(8)


def hushed(text: str) -> str:
    """The text without addresses, numbers, keys and what follows a question mark."""
    return _TELLING.sub("…", text)


def route(path: str) -> str:
    """The path without whatever is no word and no number: tokens of links open something."""
    return "/".join(part if _WORD.fullmatch(part) else "…" for part in path[:500].split("/"))


class PlainPlaces(logging.Filter):
    """Addresses in Django's lines without what is no word and no number: somebody's name can be asked for, too."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.") and isinstance(record.args, tuple):
            record.args = tuple(
                route(value) if isinstance(value, str) and value.startswith("/") else value for value in record.args
            )
        return True


def _stamp(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if here := request_id.get():
        event["request_id"] = here
    return event


def _hush(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    spoken = {"event"} & event.keys()
    return {key: hushed(str(value)) if key in spoken else value for key, value in event.items()}


def _place(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Of an error its kind and where it happened: what it says, and its variables, may hold anybody's data."""
    if info := event.pop("exc_info", None):
        error = info[1] if isinstance(info, tuple) else info
        event["error"] = type(error).__name__
        place, frames = getattr(error, "__traceback__", None), []
        while place is not None:
            frames.append(f"{place.tb_frame.f_code.co_filename.rpartition('/site-packages/')[2]}:{place.tb_lineno}")
            place = place.tb_next
        event["at"] = frames[-6:]
    return event


class Lines(logging.Formatter):
    """For LOGGING: a line for a person at a terminal, and where an error happened. What it says is left out too."""

    def format(self, record: logging.LogRecord) -> str:
        said = f"{self.formatTime(record)} {record.levelname} {record.name} {hushed(record.getMessage())}"
        return f"{said}\n{self.formatException(record.exc_info)}" if record.exc_info else said

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        error = ei[1] if isinstance(ei, tuple) else ei
        if not isinstance(error, BaseException):
            return ""
        return "".join([*traceback.format_tb(error.__traceback__), type(error).__name__])


def formatter() -> logging.Formatter:
    """For LOGGING: one JSON object a line."""
    before: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _stamp,
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _place,
            _hush,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
