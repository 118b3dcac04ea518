"""Tasks by hand: added, done, put aside; never by a GET, never by a stranger."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from retention.tasks.actions import create_task
from retention.tasks.models import Task
from tests import factories
from tests.retention.chain import owned
from tests.retention.pages.desk import NOW, TODAY, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def task() -> Any:
    account, owner, _contact = owned()
    return create_task(account, title="Call Lena", due_on=TODAY, at=NOW, by=owner)


def row() -> Task:
    return Task.objects.system("test").get()


def test_a_task_is_added_for_the_owner_or_for_oneself():
    account, owner, _contact = owned()
    client, url = signed_in(owner), reverse("task-new", args=[account.pk])
    assert client.get(url).context["form"]["due_on"].value() == TODAY
    given = {"title": "Call Lena", "due_on": "2026-11-20", "detail": "About\r\nthe portal", "mine": "on"}
    assert client.post(url, given).status_code == 302
    assert (row().title, row().detail, row().due_on - TODAY, row().assignee) == (
        "Call Lena", "About\nthe portal", timedelta(days=2), owner,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"), [("title", ""), ("title", "t" * 10_000), ("due_on", "soon"), ("detail", "\x00")]
)
def test_bad_input_is_said_at_its_field_and_nothing_is_lost(field, value):
    account, owner, _contact = owned()
    given = {"title": "Call Lena", "due_on": "2026-11-20", "detail": "About the portal"} | {field: value}
    page = signed_in(owner).post(reverse("task-new", args=[account.pk]), given)
    assert list(page.context["form"].errors) == [field]
    assert "2026-11-20" in page.content.decode() or field == "due_on"
    assert not Task.objects.system("test").exists()


def test_done_goes_back_to_where_it_was_pressed(task):
    client = signed_in(task.account.owner)
    response = client.post(reverse("task-done", args=[task.pk]), {"next": "/today/"}, follow=True)
    assert response.redirect_chain == [("/today/", 302)]
    assert "Done: Call Lena." in response.content.decode()
    assert row().done_at == NOW
    again = client.post(reverse("task-done", args=[task.pk]), {"next": "https://elsewhere.example/"}, follow=True)
    assert again.redirect_chain == [(reverse("account", args=[task.account_id]), 302)]
    assert "It was settled already." in again.content.decode()


def test_put_aside_needs_a_reason(task):
    client, url = signed_in(task.account.owner), reverse("task-dismiss", args=[task.pk])
    assert client.post(url, {"why": " "}).context["form"].errors == {"why": ["This field is required."]}
    assert row().dismissed_at is None
    assert client.post(url, {"why": "Lena called us"}).status_code == 302
    assert (row().dismissed_at, row().dismissed_why) == (NOW, "Lena called us")


@pytest.mark.parametrize("name", ["task-done", "task-dismiss"])
def test_a_get_settles_nothing(task, name):
    assert signed_in(task.account.owner).get(reverse(name, args=[task.pk])).status_code == 405
    assert row().done_at is None


@pytest.mark.parametrize(
    ("role", "in_team", "code"),
    [
        ("rep", True, 403),
        ("rep", False, 404),
        ("manager", True, 302),
        ("ops_admin", True, 302),
        ("read_only", True, 403),
    ],
)
def test_who_may_settle_a_task(task, role, in_team, code):
    team = task.account.owner.team if in_team else factories.team()
    client = signed_in(factories.user(role, team=team))
    assert client.post(reverse("task-done", args=[task.pk])).status_code == code
    assert (row().done_at is not None) == (code == 302)


def test_whom_it_is_for_may_settle_it_on_a_colleagues_account(task):
    colleague = factories.user("rep", team=task.account.owner.team)
    Task.objects.system("test").update(assignee=colleague)
    assert signed_in(colleague).post(reverse("task-done", args=[task.pk])).status_code == 302


@pytest.mark.parametrize(("role", "code"), [("rep", 403), ("read_only", 403), ("manager", 200)])
def test_who_may_add_a_task_on_a_colleagues_account(task, role, code):
    client = signed_in(factories.user(role, team=task.account.owner.team))
    assert client.get(reverse("task-new", args=[task.account_id])).status_code == code
