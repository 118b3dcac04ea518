"""The folder crm5 as it is: a slice of its usage in every test run, the whole of it by `make crm5`."""

import csv
import gzip
import io
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from benchmarks.crm5_count import differences, subscription_differences
from benchmarks.crm5_onboarding import differences as onboarding_differences
from benchmarks.crm5_onboarding import follow
from crm.accounts.models import Account
from crm.imports.models import ImportRun
from crm.people.models import Person
from crm.plans.models import Feature, Plan
from crm.staff.models import Installation
from crm.subscriptions.models import SubscriptionChange
from crm.usage.models import EventName

FOLDER = Path(settings.BASE_DIR).parent / "shared/data/crm5"
ROWS = 60_000

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.shared,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="The folder ../shared/data/crm5 is not here."),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The real files, the events cut after 60,000 rows, of which the first ten stand there twice."""
    for name in ("accounts.csv", "plans.csv", "addons.csv", "subscriptions.csv"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    with gzip.open(FOLDER / "events.csv.gz", "rt") as whole, gzip.open(tmp_path / "events.csv.gz", "wt") as cut:
        header, *rows = islice(whole, ROWS + 1)
        cut.writelines([header, *rows, *rows[:10]])
    return tmp_path


def take(folder: Path) -> list[tuple[str, int, int, int, int]]:
    """What each run did: file, created, updated, unchanged, refused."""
    last = ImportRun.objects.count()
    call_command("import_file", "crm5", str(folder), stdout=io.StringIO(), skip_checks=True)
    runs = ImportRun.objects.order_by("id")[last:]
    return [(run.filename, run.created, run.updated, run.unchanged, run.refused) for run in runs]


def test_crm5_arrives_as_an_independent_count_finds_it_and_a_second_time_changes_nothing(folder: Path) -> None:
    assert take(folder) == [
        ("accounts.csv", 247, 0, 0, 0),
        ("plans.csv", 15, 0, 0, 0),
        ("addons.csv", 2, 0, 0, 0),
        ("subscriptions.csv", 4593, 0, 0, 0),
        ("events.csv.gz", ROWS + 10, 0, 0, 0),
    ]
    assert differences(folder) == []
    assert subscription_differences(folder) == []
    assert take(folder) == [
        ("accounts.csv", 0, 0, 247, 0),
        ("plans.csv", 0, 0, 15, 0),
        ("addons.csv", 0, 0, 2, 0),
        ("subscriptions.csv", 0, 0, 4593, 0),
        ("events.csv.gz", 0, 0, ROWS + 10, 0),
    ]
    assert differences(folder) == []


def test_crm5_means_what_its_readme_says(folder: Path) -> None:
    take(folder)
    assert Installation.objects.get().paid_through == date(2023, 6, 30)
    first = Account.objects.system("test").get(external_id="0")
    assert (first.name, first.customer_since) == ("Account 0", date(2022, 1, 11))
    lines = (
        SubscriptionChange.objects.system("test")
        .filter(account=first)
        .order_by("effective_on", "subscription__external_id")
    )
    assert list(lines.values_list("subscription__external_id", "plan__external_id", "seats", "mrr")[3:6]) == [
        ("meetings", "meetings", None, Decimal(270)),
        ("plan", "advanced_mthly", 50, Decimal(810)),
        ("search_unlimited", "search_unlimited", None, Decimal(180)),
    ]
    assert Plan.objects.filter(includes_everything=True).count() == 15
    assert (Feature.objects.count(), Feature.objects.filter(is_key=True).count()) == (25, 11)
    assert list(EventName.objects.filter(is_use=False).values_list("name", flat=True)) == ["unsub_lead"]
    assert list(EventName.objects.filter(amount_property="value").order_by("name").values_list("name", flat=True)) == [
        "lose_opportunity",
        "win_opportunity",
    ]
    with gzip.open(folder / "events.csv.gz", "rt") as lines_of_events:
        users = {f"{row['account_id']}:{row['user_id']}" for row in csv.DictReader(lines_of_events)}
    assert set(Person.objects.values_list("external_id", flat=True)) == users
    # Every account goes through an onboarding of these events; days and states are as plain Python counts them.
    assert follow().startswith("247 accounts began")
    assert onboarding_differences(folder) == []
