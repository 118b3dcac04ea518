"""Parts that nobody uses yet stay out of the way: of the bar, the palette and the settings of all but the admins."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.staff.models import User
from crm.staff.queries import PARTS, ground_of
from crm.staff.views import in_use
from feedback.surveys.actions import create_survey
from tests import factories
from tests.company import company
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(factories.user(role))
    return client


def bar(client: Client) -> list[str]:
    page = client.get(reverse("settings")).content.decode()
    links = page.split('<nav class="places"')[1].split("</nav>")[0].split("</a>")[:-1]
    return [link.rpartition(">")[2] for link in links]


def offered(client: Client) -> set[str]:
    groups = client.get(reverse("settings")).context["groups"]
    return {str(word) for _group, rows in groups for _url, word, _sentence in rows}


def test_an_empty_installation_shows_two_places_and_everything_to_its_admins() -> None:
    rep, admins = client_of("rep"), [client_of("ops_admin"), client_of("system_admin")]
    parts = {"Renewals", "Promises", "Conversations", "Playbooks", "Surveys", "Plans", "Features", "Traits", "API keys"}
    for client in admins:
        assert bar(client) == ["Today", "Accounts"]
        assert offered(client) & parts == parts
    assert (bar(rep), offered(rep) & parts) == (["Today", "Accounts"], set())
    assert [each.words for each in rep.get(reverse("search")).context["commands"]][:3] == [
        "Today", "Accounts", "New account",
    ]  # fmt: skip


def test_a_part_joins_the_menus_with_its_first_row_and_leaves_settings() -> None:
    ops, rep = client_of("ops_admin"), client_of("rep")
    create_survey(name="Q3", sender=factories.user(), at=NOW, by=factories.user("ops_admin"))
    factories.subscription(factories.account())
    factories.plan()
    assert bar(rep) == ["Today", "Accounts", "Surveys"]
    assert offered(ops) & {"Renewals", "Promises", "Playbooks", "Surveys"} == {"Promises", "Playbooks"}
    assert offered(rep) & {"Plans", "Features"} == {"Plans"}
    page = rep.get(reverse("portfolio"), {"stage": "all"}).content.decode()
    assert f'href="{reverse("renewals")}">Renewals</a>' in page


def test_whoever_is_in_a_hidden_part_sees_where_that_is() -> None:
    ops = client_of("ops_admin")
    page = ops.get(reverse("surveys")).content.decode()
    assert 'aria-current="page">Surveys</a>' in page


def test_where_all_is_used_nothing_is_hidden_and_no_page_asks_once_more(
    time_machine: Any, django_assert_num_queries: Any
) -> None:
    time_machine.move_to(NOW, tick=False)
    rep = User.objects.get(pk=company().users["R"].pk)
    with django_assert_num_queries(1):
        ground = ground_of(rep)
    assert ground.used >= set(PARTS) and all(in_use(name, ground.used) for name in PARTS)
    client = Client()
    client.force_login(rep)
    assert bar(client) == ["Today", "Accounts", "Playbooks", "Surveys"]
