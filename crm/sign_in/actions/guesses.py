"""Counting guesses before they are made, across all processes: the hasher runs for admitted ones only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from crm.lib import sql_files
from crm.sign_in import queries, rules


class TooManyGuesses(Exception):
    """Refused without having been looked at; `free_at` is when the next one will be."""

    def __init__(self, free_at: datetime) -> None:
        super().__init__(free_at)
        self.free_at = free_at


def admit(keys: Mapping[str, int], *, at: datetime) -> None:
    """Count one guess under every key, each with its limit within the window; raises TooManyGuesses at the first
    that is full. The keys before it keep their count, which only makes the limit stricter.
    """
    for key, limit in keys.items():
        values: dict[str, Any] = {"key": key, "at": at, "since": at - rules.WINDOW, "limit": limit}
        with connection.cursor() as cursor:
            cursor.execute(sql_files.load(queries.__file__, "admit_guess"), values)
            admitted = cursor.fetchone() is not None
        if not admitted:
            raise TooManyGuesses(queries.free_at(key, limit) or at)


def give_back(keys: Mapping[str, int], *, at: datetime) -> None:
    """Take a counted guess back, since it was right."""
    for key in keys:
        with connection.cursor() as cursor:
            cursor.execute(sql_files.load(queries.__file__, "give_guess_back"), {"key": key, "at": at})
