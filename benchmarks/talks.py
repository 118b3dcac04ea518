"""Conversations at size against Django's plain admin over the same accounts: `python -m benchmarks.talks`.

Two million conversations of 100,000 accounts, skewed, with promises, goals and payments beside them (talks.sql), an
onboarding each, signals, tasks and drafts (judged.sql).
Counts the queries of each page, then times it as `benchmarks.pages` does. `--keep` leaves the database for EXPLAIN and
for another run.
"""

import argparse
import random
import sys
from datetime import UTC, datetime

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks import pages  # sets Django up
from benchmarks.pages import Ask, compare, fill, served, session_of  # sets Django up
from crm.conversations.models import Conversation
from crm.lib.sql_files import load
from crm.staff.models import User

WORDS = ("export", "invoice", "fwd", "thanks")
PAGES = 30  # of the longest account's list, before the one that is asked for


def fill_talks(accounts: int, talks: int) -> None:
    now = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET synchronous_commit = off")
        cursor.execute(load(__file__, "talks"), {"accounts": accounts, "talks": talks, "now": now})
        cursor.execute(load(__file__, "judged"), {"now": now})
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("SELECT state, count(*) FROM crm_conversation GROUP BY state ORDER BY state")
        print("  conversations:", ", ".join(f"{many:,} {state}" for state, many in cursor.fetchall()), flush=True)


def queries(person: User, ask: Ask) -> int:
    """How many statements a page takes, session and person among them."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(person)
    client.get(ask())  # what is kept between requests is there afterwards
    with CaptureQueriesContext(connection) as found:
        assert client.get(ask()).status_code == 200
    return len(found)


def measure(only: str) -> int:
    dice = random.Random(1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, name, owner_id FROM crm_account"
            " WHERE owner_id = (SELECT owner_id FROM crm_account WHERE id = 1)"
        )
        seen = cursor.fetchall()
    heavy_owner = seen[0][2]
    ops, rep = User.objects.get(role="ops_admin"), User.objects.get(pk=heavy_owner)
    of_heavy = Conversation.objects.system("benchmark").filter(account_id=1).order_by("-last_at", "-pk")
    deep = list(of_heavy.values_list("pk", flat=True)[: PAGES * 50])[-1]
    waiting = Conversation.objects.system("benchmark").open().filter(responder=rep).order_by("due_at", "pk")
    later = list(waiting.values_list("pk", flat=True)[:200])[-1]
    own = [pk for pk, _name, _owner in seen]
    plain = "/admin/benchmarks/plainaccount/"

    def one() -> int:
        return int(dice.choice(own))

    # The plan has budgets for search and the account page; no other list may be slower than the admin's.
    pairs: list[tuple[str, Ask, Ask, float]] = [
        ("conversations", lambda: "/conversations/", lambda: plain, 1.0),
        ("conversations, page 5", lambda: f"/conversations/?after={later}", lambda: plain, 1.0),
        ("everybody's conversations", lambda: "/conversations/?whose=all", lambda: plain, 1.0),
        ("an account's conversations", lambda: f"/accounts/{one()}/conversations/", lambda: plain, 1.0),
        ("the longest of them, page 31", lambda: f"/accounts/1/conversations/?after={deep}", lambda: plain, 1.0),
        ("account page", lambda: f"/accounts/{one()}/", lambda: f"{plain}{one()}/change/", 2.0),
        ("account page, 40,000 conversations", lambda: "/accounts/1/", lambda: f"{plain}1/change/", 2.0),
        ("Today", lambda: "/today/", lambda: plain, 1.0),
        ("in onboarding", lambda: "/onboarding/", lambda: plain, 2.0),
        ("everybody's onboarding", lambda: "/onboarding/?whose=all", lambda: plain, 2.0),
        ("where accounts stop", lambda: "/onboarding/steps/", lambda: plain, 2.0),
        ("an account's onboarding", lambda: f"/accounts/{one()}/onboarding/", lambda: plain, 2.0),
        ("plans of onboarding", lambda: "/settings/onboarding/", lambda: plain, 2.0),
        ("search", lambda: f"/search/?q={dice.choice(WORDS)}", lambda: f"{plain}?q={dice.choice(seen)[1][:5]}", 0.25),
        ("search by a word of one subject", lambda: "/search/?q=c4ca42", lambda: f"{plain}?q=c4ca42", 0.25),
    ]
    missed, admin = 0, session_of(ops)
    with served("crm.settings") as ours, served("benchmarks.pages_plain") as theirs:
        for name, mine, admins, budget in [pair for pair in pairs if only in pair[0]]:
            for person in (ops, rep):
                print(f"{name}, {person.role}: {queries(person, mine)} queries", flush=True)
                key = session_of(person)
                missed += compare(name, person, 1, (ours, key, mine), (theirs, admin, admins), budget)
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--talks", type=int, default=2_000_000)
    parser.add_argument("--days", type=int, default=30, help="days of usage")
    parser.add_argument("--keep", action="store_true", help="leave the database, and use it when it is there")
    parser.add_argument("--only", default="", help="a part of the name of a page")
    parser.add_argument("--rounds", type=int, default=pages.ROUNDS, help="requests of each page and side, three times")
    chosen = parser.parse_args()
    pages.ROUNDS = chosen.rounds
    connection.settings_dict["TEST"]["NAME"] = f"bench_talks_{chosen.accounts}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False, keepdb=chosen.keep)
    try:
        if not User.objects.exists():
            print(
                f"{chosen.accounts:,} accounts, {chosen.days} days of usage, {chosen.talks:,} conversations", flush=True
            )
            fill(chosen.accounts, chosen.days)
        if not Conversation.objects.system("benchmark").exists():
            fill_talks(chosen.accounts, chosen.talks)
        measure(chosen.only)
    finally:
        if not chosen.keep:
            connection.creation.destroy_test_db("holdfast", verbosity=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
