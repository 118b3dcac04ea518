"""Plans and features: read by everyone, changed by ops."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.plans.models import Feature, Plan
from crm.segments.models import AccountFigures
from tests import factories
from tests.factories import feature, plan, user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ["rep", "manager", "read_only", "system_admin"])
def test_everyone_reads_and_only_ops_changes(as_user, role):
    row, thing = plan(feature()), feature()
    client = as_user(user(role))
    for page in ("/plans/", "/features/"):
        assert client.get(page).status_code == 200
    for page in ("/plans/new/", f"/plans/{row.pk}/", "/features/new/", f"/features/{thing.pk}/"):
        assert (client.get(page).status_code, client.post(page, {}).status_code) == (403, 403)


def test_ops_adds_and_changes_features_and_plans(as_user, ops):
    client = as_user(ops)
    client.post("/features/new/", {"name": "Trips", "key": "trips", "is_key": "on", "threshold": "5", "unit": "trips"})
    trips = Feature.objects.get()
    assert (trips.is_key, trips.threshold, trips.unit) == (True, 5, "trips")
    client.post(f"/features/{trips.pk}/", {"name": "Journeys", "threshold": "6"})
    trips.refresh_from_db()
    assert (trips.name, trips.is_key, trips.threshold, trips.key) == ("Journeys", False, 6, "trips")
    client.post("/plans/new/", {"name": "Pro", "external_id": "pro", "features": [trips.pk]})
    pro = Plan.objects.get()
    assert list(pro.features.all()) == [trips]
    client.post(f"/plans/{pro.pk}/", {"name": "Pro", "includes_everything": "on"})
    pro.refresh_from_db()
    assert (pro.includes_everything, pro.features.count()) == (True, 0)


@pytest.mark.parametrize(
    ("more", "field", "words"),
    [
        ({"key": "a key"}, "key", "Enter a valid “slug” consisting of letters, numbers, underscores or hyphens."),
        ({"key": "taken"}, "key", "Another feature has this key. Choose another one."),
        ({"threshold": "0"}, "threshold", "Ensure this value is greater than or equal to 1."),
        ({"threshold": "1e9"}, "threshold", "Enter a whole number."),
        ({"threshold": "2147483648"}, "threshold", "Ensure this value is less than or equal to 2147483647."),
        ({"name": "x" * 10_000}, "name", "The text is longer than 120 characters. Shorten it."),
    ],
)
def test_bad_input_is_said_at_its_field(as_user, ops, more, field, words):
    feature("taken")
    response = as_user(ops).post("/features/new/", {"name": "N", "key": "k", "threshold": "1"} | more)
    assert response.context["form"].errors == {field: [words]}


def test_lists_take_as_many_queries_for_three_rows_as_for_one(as_user, rep):
    client = as_user(rep)
    counts = []
    for more in (1, 2):
        for _ in range(more):
            plan(feature(), feature())
        client.get("/plans/")
        with CaptureQueriesContext(connection) as captured:
            client.get("/plans/")
            client.get("/features/")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_how_many_accounts_pay_for_a_plan_is_counted_among_those_that_one_sees(as_user, rep):
    small, big = factories.plan(name="Small"), factories.plan(name="Big")
    for owner, plans in ((rep, [small.pk]), (rep, [small.pk, big.pk]), (factories.user("rep"), [big.pk])):
        of = factories.account(owner=owner)
        AccountFigures.objects.create(account=of, day=factories.TODAY, plan_ids=plans)
    body = as_user(rep).get("/plans/paid/").content.decode()
    link = f'<a href="/accounts/?where=plan.has.{small.pk}">2</a>'
    assert f'<span id="paid-{small.pk}" hx-swap-oob="true">{link}</span>' in body
    assert f'<a href="/accounts/?where=plan.has.{big.pk}">1</a>' in body
    assert f'id="paid-{small.pk}"' in as_user(rep).get("/plans/").content.decode()
