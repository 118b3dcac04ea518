"""Tasks by hand: added, done, put aside; never by a GET, never by a stranger."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from retention.plays.models import Play, PlayStep, PlayStepState
from retention.tasks.actions import change_task, create_task, finish_task, pick_up, reopen_task
from retention.tasks.models import Task
from tests import factories
from tests.retention.chain import owned
from tests.retention.pages.desk import BY, NOW, TODAY, fallen, signed_in

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
    given = {"title": "Call Lena", "due_on": "2026-11-20", "detail": "About\r\nthe portal"}
    given["assignee"] = str(owner.pk)
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


@pytest.mark.parametrize(("name", "code"), [("task-done", 405), ("task-dismiss", 200), ("task-reopen", 405)])
def test_a_get_settles_nothing(task, name, code):
    assert signed_in(task.account.owner).get(reverse(name, args=[task.pk])).status_code == code
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


# --- changed, given to somebody, taken back ------------------------------------------------------------------


def test_a_task_is_changed_where_it_stands_and_given_to_somebody_who_works_there(task):
    colleague = factories.user("rep", team=task.account.owner.team, name="Jonas Holm")
    factories.user("rep", team=factories.team(), name="Stranger")
    client, url = signed_in(task.account.owner), reverse("task-edit", args=[task.pk])
    piece = client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert piece.lstrip().startswith("<form")
    assert "Jonas Holm" in piece
    assert "Stranger" not in piece
    given = {"title": "Call Lena again", "due_on": "2026-11-20", "assignee": colleague.pk, "detail": "Ask."}
    assert client.post(url, given).status_code == 302
    assert (row().title, row().due_on, row().assignee, row().detail) == (
        "Call Lena again", TODAY + timedelta(days=2), colleague, "Ask.",
    )  # fmt: skip
    page = client.get(reverse("account", args=[task.account_id])).content.decode()
    assert "for Jonas Holm" in page
    assert 'Edit<span class="seen-by-readers"> Call Lena again</span>' in page


@pytest.mark.parametrize(
    ("field", "value"),
    [("title", ""), ("title", "t" * 10_000), ("due_on", "soon"), ("detail", "d" * 10_000), ("assignee", "999999")],
)
def test_a_bad_change_is_said_at_its_field(task, field, value):
    given = {"title": "Call Lena", "due_on": "2026-11-20", "detail": "", "assignee": ""} | {field: value}
    page = signed_in(task.account.owner).post(reverse("task-edit", args=[task.pk]), given)
    assert list(page.context["form"].errors) == [field]
    assert (row().title, row().due_on) == ("Call Lena", TODAY)


def test_whoever_does_not_work_on_the_account_is_given_nothing_there(task):
    stranger = factories.user("rep", team=factories.team())
    with pytest.raises(ValidationError):
        create_task(task.account, title="x", due_on=TODAY, assignee=stranger, at=NOW, by=task.account.owner)
    given = {"title": task.title, "due_on": task.due_on, "detail": ""}
    with pytest.raises(ValidationError):
        change_task(task, **given, assignee=stranger, at=NOW, by=task.account.owner)


@pytest.mark.parametrize(("name", "given"), [("task-done", {}), ("task-dismiss", {"why": "She called us"})])
def test_settling_is_taken_back_by_the_toast(task, name, given):
    client = signed_in(task.account.owner)
    page = client.post(reverse(name, args=[task.pk]), given, follow=True).content.decode()
    assert reverse("task-reopen", args=[task.pk]) in page
    again = client.post(reverse("task-reopen", args=[task.pk]), follow=True).content.decode()
    assert "“Call Lena” is open again." in again
    assert (row().done_at, row().dismissed_at, row().dismissed_why) == (None, None, "")
    assert "It is open already." in client.post(reverse("task-reopen", args=[task.pk]), follow=True).content.decode()


def test_a_plays_step_comes_back_with_its_task_while_the_play_runs():
    draft = fallen()
    step = PlayStep.objects.system("test").filter(play=draft.play_step.play).exclude(pk=draft.play_step.pk).get()
    PlayStep.objects.system("test").filter(pk=step.pk).update(state=PlayStepState.DUE)
    pick_up(at=NOW, by=BY)
    finish_task(row(), at=NOW, by=draft.owner)
    reopen_task(row(), at=NOW, by=draft.owner)
    assert (row().done_at, PlayStep.objects.system("test").get(pk=step.pk).state) == (None, "due")
    finish_task(row(), at=NOW, by=draft.owner)
    Play.objects.system("test").update(ended_at=NOW, end_reason="solved")
    with pytest.raises(ValidationError) as refused:
        reopen_task(row(), at=NOW, by=draft.owner)
    assert refused.value.messages == ["Its play has ended meanwhile; add a new task instead."]
