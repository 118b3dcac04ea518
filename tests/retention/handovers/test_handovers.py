"""An account changes hands: drafts go along unsent, approved mail comes back, tasks too, and a page says what waits."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.accounts.actions import change_owner
from crm.accounts.models import Account, OwnerChange
from crm.attention.models import Reservation
from crm.bulk_edits.actions import set_owner
from crm.conversations.actions import answer, assign, close, receive
from crm.conversations.models import Conversation
from crm.goals.actions import set_goal
from crm.outbox.models import MailState, OutboundMail
from crm.staff.models import User
from crm.subscriptions.actions import record_payment
from crm.subscriptions.models import Subscription
from retention.follow_ups.actions import approve, follow_owners
from retention.follow_ups.models import FollowUp
from retention.follow_ups.queries import problems, review
from retention.follow_ups.rules import Signature, signed_by
from retention.handovers.actions import catch_up, read_handover
from retention.handovers.models import Handover
from retention.handovers.queries import unread
from retention.tasks.actions import create_task
from retention.tasks.models import Task
from tests import factories
from tests.retention.pages.desk import BY, NOW, TODAY, answered, fallen, signed_in

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def draft() -> Any:
    made = fallen()
    OwnerChange.objects.create(account=made.account, owner=made.owner, from_at=NOW - timedelta(days=90))
    return made


@pytest.fixture
def jonas(draft: Any) -> User:
    return factories.user(
        "rep", team=draft.owner.team, name="Jonas Holm", job_title="Customer success", phone="+49 40 9"
    )


def again(draft: FollowUp) -> FollowUp:
    return FollowUp.objects.system("test").select_related("owner", "mail", "contact", "account").get(pk=draft.pk)


def taken(draft: FollowUp, taker: User | None, at: Any = NOW, **more: Any) -> None:
    change_owner(Account.objects.system("test").get(pk=draft.account_id), owner=taker, at=at, by=BY, **more)


def text(response: Any) -> str:
    body = response.content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body[body.index("<main") : body.index("</main>")]))


@pytest.mark.parametrize(
    ("body", "signed"),
    [
        (
            "Hi,\n\nMina said so.\n\n\nMina Kwon\nSuccess, Fleetline\n+49 1",
            "Hi,\n\nMina said so.\n\n\nJonas Holm\nCare, Fleetline\n+49 2",
        ),
        ("Mina Kwon asked.\n\na\nb\nc\nMina Kwon", "Mina Kwon asked.\n\na\nb\nc\nJonas Holm"),
        ("Best,\nMina", "Best,\nMina"),
    ],
)  # fmt: skip
def test_the_last_lines_are_signed_anew_and_the_text_above_stays(body, signed):
    old, new = Signature("Mina Kwon", "Success", "+49 1"), Signature("Jonas Holm", "Care", "+49 2")
    assert signed_by(body, old, new) == signed


def test_a_line_that_the_new_one_has_nothing_for_goes():
    old = Signature("Mina Kwon", "Success", "+49 1")
    body = "Hi\n\nMina Kwon\nSuccess, Fleetline\n+49 1"
    assert signed_by(body, old, Signature("Jonas Holm")) == "Hi\n\nJonas Holm\nFleetline"


def test_a_draft_goes_along_and_can_be_approved_by_its_new_owner_alone(draft, jonas):
    before = problems(draft)
    taken(draft, jonas)
    row = again(draft)
    assert (row.owner, row.state) == (jonas, "draft")
    assert "Jonas Holm" in row.body
    assert "Mina Kwon" not in row.body
    assert problems(row) == before
    with pytest.raises(PermissionDenied):
        approve(row, displayed=review(row, at=NOW).fingerprint, at=NOW, by=draft.owner)
    assert approve(row, displayed=review(row, at=NOW).fingerprint, at=NOW, by=jonas).signer == jonas


def test_an_approved_mail_comes_back_unsent_and_gives_its_share_of_the_budget_back(draft, jonas):
    mail = approve(draft, displayed=review(draft, at=NOW).fingerprint, at=NOW, by=draft.owner)
    taken(draft, jonas)
    row, mail = again(draft), OutboundMail.objects.system("test").get(pk=mail.pk)
    assert (row.state, row.owner, row.mail, row.revision) == ("draft", jonas, None, 2)
    assert (mail.state, mail.reason) == ("returned", "not_ours")
    assert Reservation.objects.system("test").get().state == "released"
    approve(row, displayed=review(row, at=NOW).fingerprint, at=NOW, by=jonas)  # under a key of its own


@pytest.mark.parametrize("state", [MailState.HANDOFF, MailState.SENT, MailState.UNCONFIRMED])
def test_what_was_handed_over_stays_with_whoever_signed_it(draft, jonas, state):
    mail = approve(draft, displayed=review(draft, at=NOW).fingerprint, at=NOW, by=draft.owner)
    OutboundMail.objects.system("test").filter(pk=mail.pk).update(state=state)
    taken(draft, jonas)
    assert (again(draft).state, again(draft).owner) == ("approved", draft.owner)
    assert Handover.objects.system("test").get().moved == 0


def test_open_tasks_of_the_giver_go_along_and_others_stay(draft, jonas):
    third = factories.user("rep", team=draft.owner.team)
    for title, assignee in (("his", draft.owner), ("of the owner then", None), ("of another", third)):
        create_task(draft.account, title=title, due_on=TODAY, assignee=assignee, at=NOW, by=draft.owner)
    taken(draft, jonas)
    found = dict(Task.objects.system("test").values_list("title", "assignee"))
    assert found == {"his": jonas.pk, "of the owner then": None, "of another": third.pk}


def test_whoever_takes_over_answers_where_the_giver_was_to_and_the_clock_does_not_mind(draft, jonas):
    third, by = factories.user("rep", team=draft.owner.team), {"at": NOW, "by": draft.owner}
    made = [receive(draft.account, channel="ticket", text=text, **by) for text in ("open", "waits", "over", "third's")]
    answer(made[1], text="We look.", **by)
    close(made[2], **by)
    assign(made[3], responder=third, **by)

    def answers() -> list[User | None]:
        rows = Conversation.objects.system("test").filter(pk__in=[row.pk for row in made])
        return [row.responder for row in rows.select_related("responder").order_by("pk")]

    taken(draft, jonas)
    assert answers() == [jonas, jonas, draft.owner, third]
    assert Conversation.objects.system("test").get(pk=made[0].pk).due_at == made[0].due_at
    taken(draft, None, at=NOW + HOUR, pool=jonas.team)
    assert answers() == [None, None, draft.owner, third]
    # So it is where many accounts are given at once, when the pipeline runs.
    set_owner(
        Account.objects.system("test").filter(pk=draft.account_id),
        owner=third,
        at=NOW + 2 * HOUR,
        by=factories.user("ops_admin"),
    )
    assert answers()[0] is None
    catch_up(at=NOW + 3 * HOUR, by=BY)
    assert answers() == [third, None, draft.owner, third]


def test_where_a_pool_has_the_account_drafts_wait_for_whoever_claims_it(draft, jonas):
    taken(draft, None, pool=jonas.team)
    assert again(draft).owner == draft.owner
    assert not Handover.objects.system("test").exists()
    taken(draft, jonas, at=NOW + HOUR)
    assert again(draft).owner == jonas
    row = Handover.objects.system("test").get()
    assert (row.giver, row.taker, row.moved) == (None, jonas, 1)


def test_the_first_owner_has_nothing_to_read():
    account = factories.account()
    change_owner(account, owner=factories.user("rep"), at=NOW, by=BY)
    assert not Handover.objects.system("test").exists()
    with CaptureQueriesContext(connection) as asked:
        assert catch_up(at=NOW, by=BY) == "0 handovers made, 0 drafts followed their accounts"
    looks = [query for query in asked if query["sql"].startswith("SELECT")]
    assert len(looks) == 2, "at the changes and at the drafts: the first owner's is not taken up again by each run"


def test_what_comes_back_unread_leaves_nothing_to_read_for_either(draft, jonas):
    taken(draft, jonas)
    assert [row.account for row in unread(jonas)] == [draft.account]
    taken(draft, draft.owner, at=NOW + HOUR)
    assert list(unread(jonas)) == list(unread(draft.owner)) == []
    assert again(draft).owner == draft.owner
    assert catch_up(at=NOW + 2 * HOUR, by=BY) == "0 handovers made, 0 drafts followed their accounts"
    assert list(unread(jonas)) == list(unread(draft.owner)) == []


def test_a_file_that_changed_owners_is_followed_by_the_next_run_once(draft, jonas):
    Account.objects.system("test").filter(pk=draft.account_id).update(owner=jonas)
    OwnerChange.objects.create(account=draft.account, owner=jonas, from_at=NOW)
    assert catch_up(at=NOW, by=BY) == "1 handovers made, 0 drafts followed their accounts"
    assert (again(draft).owner, [row.moved for row in unread(jonas)]) == (jonas, [1])
    assert catch_up(at=NOW, by=BY) == "0 handovers made, 0 drafts followed their accounts"
    FollowUp.objects.system("test").update(owner=draft.owner)
    assert follow_owners(None, at=NOW, by=BY) == 1


# --- the page ----------------------------------------------------------------------------------------------


def test_the_page_says_what_waits_and_what_was_said_last_until_it_is_read(draft, jonas):
    draft.account.next_step, draft.account.next_step_on = "Show the portal", TODAY
    draft.account.save()
    create_task(draft.account, title="Call Lena", due_on=TODAY, assignee=draft.owner, at=NOW, by=draft.owner)
    answered(draft.account, 6, "They answer slowly")
    line = Subscription.objects.system("test").get(account=draft.account)
    record_payment(line, kind="failed", on=TODAY, currency="EUR", amount=Decimal(30), at=NOW, by=draft.owner)
    goal: dict[str, Any] = {"target": Decimal(9), "due_on": TODAY + timedelta(days=40), "at": NOW, "by": draft.owner}
    set_goal(draft.account, words="Every trip in one place", feature=factories.feature("aimed"), **goal)
    taken(draft, jonas)
    client, url = signed_in(jonas), reverse("account-handover", args=[draft.account_id])
    assert "came to you from Mina Kwon on 18 Nov." in text(client.get(reverse("today")))
    assert "This account came to you." in text(client.get(reverse("account", args=[draft.account_id])))
    page = text(client.get(url))
    for words in [
        "Handover: Nordwind Logistics",
        "Jonas Holm has it since 18 Nov",
        "before: Mina Kwon",
        "renews 11 Feb 2027",
        "Show the portal 18 Nov",
        "1 draft came along, unsent and signed by the new owner.",
        draft.subject,
        "Call Lena today for Jonas Holm",
        "A payment failed on 18 Nov, €30",
        "Every trip in one place",
        "Lena Vogt answered 6 of 10",
        "They answer slowly",
        "Health fell from 72 to 46 in 28 days.",
    ]:
        assert words in page, words
    assert client.post(url)["Location"] == reverse("account", args=[draft.account_id])
    assert Handover.objects.system("test").get().read_at == NOW
    assert "came to you" not in text(client.get(reverse("today")))
    assert "I have read it" not in text(client.get(url))


def test_nobody_else_reads_it_for_the_new_owner(draft, jonas):
    taken(draft, jonas)
    url = reverse("account-handover", args=[draft.account_id])
    assert signed_in(draft.owner).post(url).status_code == 403
    assert signed_in(factories.user("rep", team=factories.team())).get(url).status_code == 404
    row = Handover.objects.system("test").get()
    with pytest.raises(PermissionDenied):
        read_handover(row, at=NOW, by=draft.owner)
    assert (read_handover(row, at=NOW, by=jonas), read_handover(row, at=NOW, by=jonas)) == (True, False)


def test_whoever_reads_no_contact_data_sees_neither_drafts_nor_names(draft, jonas):
    taken(draft, jonas)
    page = text(
        signed_in(factories.user("read_only", team=jonas.team)).get(
            reverse("account-handover", args=[draft.account_id])
        )
    )
    assert "L••• V•••" in page
    assert "Drafts wait for the owner." in page
    assert [words for words in ("Lena", "Vogt", draft.subject) if words in page] == []


def test_an_account_that_never_changed_hands_has_no_such_page(draft):
    assert signed_in(draft.owner).get(reverse("account-handover", args=[draft.account_id])).status_code == 404


def test_the_page_takes_as_many_queries_for_three_of_everything_as_for_one(draft, jonas):
    taken(draft, jonas)
    client, url, counts = signed_in(jonas), reverse("account-handover", args=[draft.account_id]), []
    for more in (1, 2):
        for n in range(more):
            create_task(draft.account, title=f"Task {more} {n}", due_on=TODAY, at=NOW, by=jonas)
            factories.contact(draft.account)
        client.get(url)
        with CaptureQueriesContext(connection) as captured:
            client.get(url)
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 12


@pytest.fixture(autouse=True)
def _clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield
