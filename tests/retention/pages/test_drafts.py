"""Deciding on a draft: only where the text stands, only who may, and nothing typed is lost."""

import re
from typing import Any

import pytest
from django.urls import reverse

from crm.audit.models import AuditRow
from crm.outbox.models import OutboundMail
from retention.follow_ups.actions import edit
from retention.follow_ups.models import FollowUp
from retention.follow_ups.queries import review
from tests import factories
from tests.retention.pages.desk import NOW, fallen, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft() -> Any:
    return fallen()


def row() -> FollowUp:
    return FollowUp.objects.system("test").select_related("mail").get()


def post(client: Any, name: Any, draft: Any, **data: Any) -> Any:
    return client.post(reverse(name, args=[draft.pk]), data)


def shown_fingerprint(client: Any, draft: Any, page="draft") -> str:
    """What the form on the page carries: approval names the text that was displayed."""
    pk = draft.pk if page == "draft" else draft.account_id
    found = re.search(r'name="displayed" value="([0-9a-f]{64})"', client.get(reverse(page, args=[pk])).content.decode())
    assert found
    return found[1]


@pytest.mark.parametrize("page", ["draft", "account"])
def test_the_owner_approves_what_stands_on_the_page(draft, page):
    client = signed_in(draft.owner)
    response = client.post(
        reverse("draft-approve", args=[draft.pk]), {"displayed": shown_fingerprint(client, draft, page)}, follow=True
    )
    assert "Approved. It goes to Lena Vogt: Wed 10:00." in response.content.decode()
    mail = row().mail
    assert mail is not None
    assert (row().state, mail.subject) == ("approved", "1 of 25 seats in use")


def test_reading_never_approves(draft):
    client = signed_in(draft.owner)
    for name in ("draft-approve", "draft-not-now"):
        assert client.get(reverse(name, args=[draft.pk])).status_code == 405
    client.get(reverse("draft", args=[draft.pk]))
    client.get(reverse("draft-edit", args=[draft.pk]))
    assert row().state == "draft"


def test_a_text_that_changed_meanwhile_is_shown_again_instead(draft):
    client = signed_in(draft.owner)
    seen = shown_fingerprint(client, draft)
    edit(draft, subject="Another subject", body=draft.body, at=NOW, by=draft.owner)
    page = post(client, "draft-approve", draft, displayed=seen).content.decode()
    assert "The text changed since you opened it." in page
    assert "Another subject" in page
    assert row().state == "draft"


@pytest.mark.parametrize("displayed", ["", "0" * 64, "x" * 500])
def test_approval_without_the_text_is_refused(draft, displayed):
    post(signed_in(draft.owner), "draft-approve", draft, displayed=displayed)
    assert row().state == "draft"


def test_the_lint_is_listed_and_needs_a_reason(draft):
    edit(draft, subject="Hello", body=f"{draft.body}\nWe miss you.", at=NOW, by=draft.owner)
    client = signed_in(draft.owner)
    page = client.get(reverse("draft", args=[draft.pk])).content.decode()
    assert "“We miss you” is about us, not about them." in page
    seen = shown_fingerprint(client, draft)
    assert post(client, "draft-approve", draft, displayed=seen, override="").status_code == 200
    assert row().state == "draft"
    assert post(client, "draft-approve", draft, displayed=seen, override="Their own words").status_code == 302
    assert AuditRow.objects.get(action="follow_up.approved").after["override"].endswith(", 15")


def test_a_reason_that_is_refused_is_still_there(draft):
    edit(draft, subject="Hello", body=f"{draft.body}\nWe miss you.", at=NOW, by=draft.owner)
    page = post(signed_in(draft.owner), "draft-approve", draft, displayed="0" * 64, override="Their own words")
    assert 'value="Their own words"' in page.content.decode()


@pytest.mark.parametrize(
    ("role", "code"), [("rep", 403), ("ops_admin", 403), ("system_admin", 403), ("read_only", 403)]
)
def test_nobody_else_approves(draft, role, code):
    seen = review(draft, at=NOW).fingerprint
    client = signed_in(factories.user(role, team=draft.owner.team))
    assert post(client, "draft-approve", draft, displayed=seen).status_code == 403
    assert not OutboundMail.objects.system("test").exists()


def test_the_teams_manager_approves_on_behalf(draft):
    client = signed_in(factories.user("manager", team=draft.owner.team))
    assert post(client, "draft-approve", draft, displayed=shown_fingerprint(client, draft)).status_code == 302
    assert AuditRow.objects.get(action="follow_up.approved").on_behalf_of == "Mina Kwon"


@pytest.mark.parametrize("name", ["draft", "draft-edit"])
@pytest.mark.parametrize(("role", "code"), [("rep", 404), ("read_only", 404)])
def test_drafts_of_another_team_are_not_there(draft, name, role, code):
    client = signed_in(factories.user(role, team=factories.team()))
    assert client.get(reverse(name, args=[draft.pk])).status_code == code


def test_its_text_is_contact_data(draft):
    client = signed_in(factories.user("read_only", team=draft.owner.team))
    assert client.get(reverse("draft", args=[draft.pk])).status_code == 403


def test_a_colleague_reads_but_does_not_edit(draft):
    client = signed_in(factories.user("rep", team=draft.owner.team))
    assert client.get(reverse("draft", args=[draft.pk])).status_code == 200
    assert client.get(reverse("draft-edit", args=[draft.pk])).status_code == 403
    assert post(client, "draft-not-now", draft, why="No").status_code == 403


def test_editing_keeps_lines_and_refuses_at_the_field(draft):
    client = signed_in(draft.owner)
    page = post(client, "draft-edit", draft, subject="", body="Dear Lena,\r\n\r\nnew words")
    assert page.context["form"].errors == {"subject": ["This field is required."]}
    assert "new words" in page.content.decode()
    page = post(client, "draft-edit", draft, subject="S" * 301, body="b" * 20_001)
    assert set(page.context["form"].errors) == {"subject", "body"}
    assert post(client, "draft-edit", draft, subject="Plans", body="Dear Lena,\r\n\r\nnew words").status_code == 302
    assert (row().subject, row().body) == ("Plans", "Dear Lena,\n\nnew words")


def test_not_now_needs_a_reason_and_keeps_what_was_typed(draft):
    client = signed_in(draft.owner)
    page = post(client, "draft-not-now", draft, why=" ")
    assert page.context["why_errors"] == ["This field is required."]
    page = post(client, "draft-not-now", draft, why="w" * 201)
    assert "w" * 201 in page.content.decode()
    assert post(client, "draft-not-now", draft, why="Spoke to Lena today").status_code == 302
    assert (row().state, row().state_why) == ("dismissed", "Spoke to Lena today")


def test_what_was_decided_is_read_and_not_decided_again(draft):
    client = signed_in(draft.owner)
    seen = shown_fingerprint(client, draft)
    post(client, "draft-not-now", draft, why="Spoke to Lena today")
    page = client.get(reverse("draft", args=[draft.pk])).content.decode()
    assert "Spoke to Lena today" in page
    assert "Approve, send" not in page
    assert "decided already" in post(client, "draft-approve", draft, displayed=seen).content.decode()
    assert client.get(reverse("draft-edit", args=[draft.pk])).status_code == 302
    assert not OutboundMail.objects.system("test").exists()


def test_the_page_takes_five_queries(draft, django_assert_num_queries):
    client = signed_in(draft.owner)
    with django_assert_num_queries(5):  # session, person, draft, calendar, what was sent of late
        client.get(reverse("draft", args=[draft.pk]))
