"""A run that is killed leaves nothing half-done: the next one ends where an undisturbed one does."""

import threading
import time
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from crm.lib import partitions
from crm.usage.models import DirtyAccount, UsageDay
from retention.scores import actions
from retention.scores.models import HealthScore, ScoreNow
from tests import factories
from tests.factories import TODAY
from tests.retention import usage_rows as rows

pytestmark = pytest.mark.django_db(transaction=True)


def written() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT held::text FROM retention_health_score AS held ORDER BY 1")
        return list(cursor.fetchall())


def run() -> None:
    at = rows.at(TODAY, 7)
    actions.refresh_windows(at, at=at, by=rows.BY)
    actions.score_due(at, at=at, by=rows.BY)


def killed_while_writing(said: list[str]) -> None:
    try:
        run()
    except DatabaseError as error:
        said.append(str(error))
    finally:
        connection.close()


def test_a_worker_killed_while_it_writes_and_an_emptied_queue_change_nothing() -> None:
    event = rows.event(factories.feature())
    for uses in range(1, 61):
        rows.used(factories.account(), event, uses, ago=10)
    rows.version({"kind": "reach", "green": 100}, {"kind": "reach", "scale": "percentile", "green": 100})
    partitions.ensure_months(actions.LEDGER, [TODAY])
    said: list[str] = []
    with transaction.atomic(), connection.cursor() as cursor:
        # The run judges everyone, then waits for this lock with its first ledger row in hand.
        cursor.execute("LOCK TABLE retention_health_score IN SHARE MODE")
        worker = threading.Thread(target=killed_while_writing, args=(said,))
        worker.start()
        kill = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
            AND query LIKE '%INSERT INTO retention_health_score%' AND pid <> pg_backend_pid()"""
        for _turn in range(200):
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction goes on seeing what it saw first
            cursor.execute(kill)
            if cursor.fetchall():
                break
            time.sleep(0.05)
        worker.join(20)
    assert len(said) == 1 and "terminating connection" in said[0]
    assert (HealthScore.objects.system("test").count(), ScoreNow.objects.system("test").count()) == (0, 0)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE django_q_ormq")
    run()
    ledger = written()
    assert len(ledger) == 60
    # Late facts only add a revision; the rows that stood are the same to the last byte.
    UsageDay.objects.filter(uses=60).update(uses=70)
    DirtyAccount.objects.create(account_id=UsageDay.objects.get(uses=70).account_id, mark=1)
    actions.score_day(TODAY, today=TODAY, at=rows.at(TODAY, 9), by=rows.BY)
    more = written()
    assert set(ledger) < set(more)
    (late,) = HealthScore.objects.system("test").filter(revision=1)
    assert (len(more), late.components) == (61, [700, 1000])
    actions.score_day(TODAY, today=TODAY, at=rows.at(TODAY, 10), by=rows.BY)
    assert written() == more
