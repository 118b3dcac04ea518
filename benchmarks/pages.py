"""Portfolio, search and account page against Django's plain admin over the same accounts: `python -m benchmarks.pages`.

Both are served by gunicorn with two workers in the same run, asked in turns, with one and with eight clients.
Prints medians and 95th percentiles, and the ratios that scale.md sets budgets for. Works in a database of its own
and drops it in the end.
"""

import argparse
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from http.client import HTTPConnection
from importlib import import_module
from time import perf_counter, sleep

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from allauth.mfa.models import Authenticator  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks import usage_shape  # noqa: E402
from benchmarks.usage_shape import DAY  # noqa: E402
from crm.audit.rules import System  # noqa: E402
from crm.lib import partitions  # noqa: E402
from crm.staff.models import Team, User  # noqa: E402
from crm.usage import actions as usage  # noqa: E402
from retention.scorecards.actions import ensure_default_scorecard  # noqa: E402
from retention.scores import actions as scores  # noqa: E402
from tests.live import database_url, free_port  # noqa: E402

BY = System("benchmark")
AT = datetime.combine(DAY, time(6), UTC)
TEAMS, REPS, WEEKS, ROUNDS = 10, 40, 12, 60
Ask = Callable[[], str]
# Names of two made-up words, so that the first one of any account is what somebody would type.
FILL = """
UPDATE crm_account SET name = initcap(translate(substr(md5(id::text), 1, 6), '0123456789', 'ghijklmnop')) || ' '
        || initcap(translate(substr(md5('x' || id), 1, 5), '0123456789', 'ghijklmnop')),
    owner_id = (SELECT min(id) FROM crm_user WHERE role = 'rep') + id % {reps};
INSERT INTO crm_contact (account_id, name, email, job_title, phone, role, language, time_zone, audit_key, created_at)
    SELECT a.id, 'Person ' || n, 'p' || n || '@a' || a.id || '.example', 'Planner', '', 'user', '', '', '', now()
    FROM crm_account AS a, generate_series(1, 3) AS n;
INSERT INTO retention_health_score (account_id, version_id, day, revision, points, coverage, low, high, band, hindsight,
        components, values, bases)
    SELECT account_id, version_id, day - 7 * n, 0, points, coverage, low, high, band, FALSE, components, values, bases
    FROM retention_score_now JOIN retention_score_reading USING (account_id, version_id),
        generate_series(1, {weeks}) AS n;
CREATE TABLE bench_plain AS SELECT a.*, 'Team'::varchar(120) AS plan, c.mrr::numeric(18, 2) AS mrr
    FROM crm_account AS a JOIN crm_subscriptionchange AS c ON c.account_id = a.id;
ALTER TABLE bench_plain ADD PRIMARY KEY (id);
"""


def fill(accounts: int, days: int) -> None:
    usage_shape.fill(accounts, days)
    teams = [Team.objects.create(name=f"Team {n}") for n in range(TEAMS)]
    for n in range(REPS):
        email = f"rep{n}@ours.example"
        User.objects.create(email=email, name=f"Rep {n}", role="rep", team=teams[n % TEAMS], created_at=AT)
    ops = User.objects.create(email="ops@ours.example", name="Ops", role="ops_admin", created_at=AT)
    Authenticator.objects.create(user=ops, type=Authenticator.Type.TOTP, data={})  # admins get nowhere without one
    ensure_default_scorecard(at=AT, by=BY)
    usage.roll_windows(DAY, windows=frozenset({28}), at=AT, by=BY, again=True)
    scores.score_changed(AT, at=AT, by=BY)
    partitions.ensure_months("retention_health_score", [DAY - timedelta(days=7 * n) for n in range(WEEKS + 1)])
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(reps=REPS, weeks=WEEKS))
        cursor.execute("VACUUM (ANALYZE)")


@contextmanager
def served(settings_module: str) -> Iterator[int]:
    """A gunicorn of two workers over the benchmark's database; gives its port."""
    port = free_port()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": settings_module,
        "DATABASE_URL": database_url(),
        "SECRET_KEY": settings.SECRET_KEY,
        "ALLOWED_HOSTS": "127.0.0.1",
        "SITE_URL": f"http://127.0.0.1:{port}",
    }
    command = [sys.executable, "-m", "gunicorn", "django.core.wsgi:get_wsgi_application()", "--workers", "2"]
    command += ["--worker-class", "gthread", "--threads", "8", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    process = subprocess.Popen([*command, "--log-level", "warning"], cwd=settings.BASE_DIR, env=environment)
    try:
        for _ in range(300):
            try:
                HTTPConnection("127.0.0.1", port, timeout=5).connect()
                break
            except OSError:
                sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def session_of(user: User) -> str:
    """A signed-in session, as the login leaves it."""
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY], store[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store.save()
    return str(store.session_key)


def asked(port: int, key: str, ask: Ask, clients: int) -> list[float]:
    """Seconds of each of ROUNDS requests, spread over so many clients that never wait for one another."""

    def client(_n: int) -> list[float]:
        line = HTTPConnection("127.0.0.1", port, timeout=60)
        taken = []
        for _ in range(ROUNDS // clients + 1):
            headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={key}"}
            started = perf_counter()
            line.request("GET", ask(), headers=headers)
            answer = line.getresponse()
            body = answer.read()
            taken.append(perf_counter() - started)
            assert answer.status == 200, f"{answer.status} for {body[:200]!r}"
        return taken

    with ThreadPoolExecutor(clients) as pool:
        return [seconds for own in pool.map(client, range(clients)) for seconds in own]


def measure(accounts: int, days: int, only: str) -> int:
    print(f"{accounts:,} accounts, {days} days of usage", flush=True)
    fill(accounts, days)
    dice = random.Random(1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM crm_account WHERE owner_id = (SELECT min(owner_id) FROM crm_account)")
        seen = cursor.fetchall()
    ops, rep = User.objects.get(role="ops_admin"), User.objects.filter(role="rep").order_by("pk")[0]

    def one() -> int:
        return int(dice.choice(seen)[0])

    def word() -> str:
        return str(dice.choice(seen)[1]).split()[0][:5]

    plain = "/admin/benchmarks/plainaccount/"
    pairs: list[tuple[str, Ask, Ask, float]] = [
        ("portfolio", lambda: "/accounts/", lambda: plain, 0.25),
        ("search", lambda: f"/search/?q={word()}", lambda: f"{plain}?q={word()}", 0.25),
        ("account page", lambda: f"/accounts/{one()}/", lambda: f"{plain}{one()}/change/", 2.0),
    ]
    missed, admin = 0, session_of(ops)
    with served("crm.settings") as ours, served("benchmarks.pages_plain") as theirs:
        for name, mine, admins, budget in [pair for pair in pairs if only in pair[0]]:
            for person in (ops, rep):
                key = session_of(person)
                for clients in (1, 8):
                    missed += compare(name, person, clients, (ours, key, mine), (theirs, admin, admins), budget)
    return missed


Side = tuple[int, str, Ask]


def compare(name: str, person: User, clients: int, ours: Side, theirs: Side, budget: float) -> bool:
    """Print both figures; whether the budget was missed. Both sides are warmed, then asked in turns."""
    for port, key, ask in (ours, theirs):
        asked(port, key, ask, clients)
    rounds = [(asked(*ours, clients), asked(*theirs, clients)) for _ in range(3)]
    mine = sorted(seconds for own, _ in rounds for seconds in own)
    admins = sorted(seconds for _, own in rounds for seconds in own)
    missed = False
    for word, share in (("p50", 0.5), ("p95", 0.95)):
        own, their = mine[int(share * len(mine))], admins[int(share * len(admins))]
        ratio = own / their
        missed |= ratio > budget
        words = f"{own * 1000:.0f} ms against {their * 1000:.0f} ms of the admin, ratio {ratio:.2f} (budget {budget}"
        kept = "" if ratio <= budget else ", MISSED"
        print(f"  {name}, {person.role}, {clients} clients, {word}: {words}{kept})", flush=True)
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--only", default="", help="portfolio, search or account")
    chosen = parser.parse_args()
    connection.settings_dict["TEST"]["NAME"] = f"bench_pages_{chosen.accounts}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        measure(chosen.accounts, chosen.days, chosen.only)
    finally:
        connection.creation.destroy_test_db("holdfast", verbosity=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
