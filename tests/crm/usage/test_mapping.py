"""Events get their meaning: many at once, audited, by those who configure."""

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.usage.actions import map_events
from crm.usage.models import EventName
from tests import factories

pytestmark = pytest.mark.django_db
AT = factories.NOW


def named(*names):
    return [EventName.objects.create(name=name, first_seen_at=AT, last_seen_at=AT) for name in names]


def test_many_events_are_mapped_at_once_and_each_change_is_recorded():
    named("Trip Planned", "Map Opened")
    trips = factories.feature()
    meanings = {"Trip Planned": (trips, True, "trips"), "Map Opened": (None, True, ""), "New": (trips, False, "")}
    assert map_events(meanings, at=AT, by=System("test")) == 2
    assert map_events(meanings, at=AT, by=System("test")) == 0
    rows = EventName.objects.order_by("name").values_list("name", "feature", "is_use", "amount_property")
    expected = [("Map Opened", None, True, ""), ("New", trips.pk, False, "")]
    assert list(rows) == [*expected, ("Trip Planned", trips.pk, True, "trips")]
    assert AuditRow.objects.filter(action="event.mapped").count() == 2


def test_only_those_who_configure_map_events(rep):
    with pytest.raises(PermissionDenied):
        map_events({"Trip Planned": (None, True, "")}, at=AT, by=rep)


def test_the_page_maps_what_was_chosen_and_leaves_the_rest(as_user, ops):
    first, second = named("Trip Planned", "Map Opened")
    trips = factories.feature()
    answer = as_user(ops).post(
        reverse("events"),
        {
            f"feature-{first.pk}": trips.pk,
            f"use-{first.pk}": "on",
            f"property-{first.pk}": "trips",
            f"use-{second.pk}": "on",
        },
    )
    assert answer.status_code == 302
    assert list(EventName.objects.order_by("name").values_list("feature", "is_use")) == [(None, True), (trips.pk, True)]


def test_the_page_takes_as_many_queries_for_three_events_as_for_one(as_user, ops, django_assert_num_queries):
    named("one")
    client = as_user(ops)
    with django_assert_num_queries(5):
        assert client.get(reverse("events")).status_code == 200
    named("two", "three")
    with django_assert_num_queries(5):
        client.get(reverse("events"))


@pytest.mark.parametrize(("role", "status"), [("system_admin", 200), ("manager", 403), ("rep", 403)])
def test_the_page_is_for_admins(as_user, role, status):
    assert as_user(factories.user(role)).get(reverse("events")).status_code == status
