"""Two whole pipelines started at the same moment, each with a database connection of its own."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections

from crm.audit.rules import System
from crm.fills.models import Fill
from retention import pipeline
from retention.follow_ups.models import FollowUp
from retention.plays.models import Play
from retention.risk_signals.models import RiskSignal
from retention.scores.models import HealthScore
from retention.tasks.models import Task
from tests import factories
from tests.retention.chain import NOW, TODAY, event, person, uses

ROUNDS, ACCOUNTS = 3, 5
BY = System("test")


def run_both() -> list[str]:
    """What went wrong in either."""
    begin, wrong = Barrier(2), list[str]()

    def run() -> None:
        try:
            begin.wait(timeout=20)
            for _round in range(ROUNDS):
                pipeline.run(through=NOW, at=NOW, by=BY)
        except Exception as error:
            wrong.append(repr(error))
        finally:
            connections.close_all()

    threads = [Thread(target=run) for _n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def rows() -> dict[str, list[tuple[object, ...]]]:
    """Everything that the pipeline leaves, without the rows' own ids."""
    found = {
        "ledger": HealthScore.objects.system("test").values_list("account_id", "day", "revision", "points", "band"),
        "signals": RiskSignal.objects.system("test").values_list("account_id", "kind", "subject", "closed_at"),
        "plays": Play.objects.system("test").values_list("account_id", "playbook_id", "ended_at"),
        "tasks": Task.objects.system("test").values_list("account_id", "title", "due_on", "done_at"),
        "drafts": FollowUp.objects.system("test").values_list("account_id", "subject", "state"),
    }
    return {name: sorted(map(tuple, each), key=str) for name, each in found.items()}


@pytest.mark.django_db(transaction=True)
def test_two_pipelines_at_once_leave_what_one_leaves():
    pipeline.ensure_defaults(at=NOW - timedelta(days=300), by=BY)
    fed, owner = event(), factories.user("rep", name="Mina Kwon", team=factories.team())
    plan = factories.plan(fed.feature)
    for n in range(ACCOUNTS):
        account = factories.account(f"Customer {n}", owner=owner)
        factories.subscription(account, plan=plan, seats=2)
        factories.contact(account, name=f"Lena {n}", role="champion")
        busy = {TODAY - timedelta(days=back): 20 for back in range(29, 57)}
        uses(account, fed, person(f"lena-{n}"), busy | {TODAY - timedelta(days=20): 1})
    pipeline.run(through=NOW - timedelta(days=28), at=NOW - timedelta(days=28), by=BY)

    assert run_both() == []

    left = rows()
    assert len(left["ledger"]) > ACCOUNTS
    assert [len(left[name]) for name in ("plays", "drafts")] == [ACCOUNTS, ACCOUNTS]
    assert not Fill.objects.exclude(failed="").exists()
    pipeline.run(through=NOW, at=NOW, by=BY)
    assert rows() == left
