"""The pages of conversations: who waits, one conversation, logging in two taps; under a constant number of queries."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.conversations import actions
from crm.conversations.forms import TEXT_LIMIT
from crm.conversations.models import Conversation, Entry
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _still():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def account(rep):
    return factories.account("Acme Ltd", owner=rep, time_zone="Europe/Berlin")


def ask(account, rep, **more):
    given = {"channel": "ticket", "text": "It is broken.", "subject": "Export fails", "at": NOW, "by": rep} | more
    return actions.receive(account, **given)


def rows():
    return Conversation.objects.system("test").order_by("pk")


def test_a_talk_is_logged_in_two_taps(account, rep, as_user):
    """One opens the form, the other is the channel's button; nothing else need be filled in."""
    client = as_user(rep)
    page = client.get(reverse("account", args=[account.pk])).content.decode()
    assert f'href="{reverse("conversation-new", args=[account.pk])}"' in page
    form = client.get(reverse("conversation-new", args=[account.pk])).content.decode()
    assert '<button type="submit" class="button" name="channel" value="call">' in form
    assert client.post(reverse("conversation-new", args=[account.pk]), {"channel": "call"}).status_code == 302
    row = rows().get()
    assert (row.channel, row.state, row.responder, row.clock) == ("call", "closed", rep, None)
    assert "Call" in client.get(reverse("account", args=[account.pk])).content.decode()


def test_what_they_said_is_taken_in_with_a_clock_that_the_account_page_shows(account, rep, as_user):
    client = as_user(rep)
    person = factories.contact(account, name="Lena Vogt")
    said = {
        "channel": "mail",
        "text": "Where is it?",
        "waits": "on",
        "contact": person.pk,
        "said_at": "2026-11-20T10:00",
    }
    client.post(reverse("conversation-new", args=[account.pk]), said)
    row = rows().get()
    # Friday 10:00 UTC is 11:00 in Berlin: six hours are left of the eight, two more on Monday, until 11:00.
    assert row.due_at == NOW.replace(day=23, hour=10)
    page = client.get(reverse("account", args=[account.pk])).content.decode()
    assert "They wait for us" in page
    assert "by 23 Nov, 10:00" in page
    assert "Mail with Lena Vogt" in page


def test_a_time_that_has_not_come_is_said_at_its_field(account, rep, as_user):
    url = reverse("conversation-new", args=[account.pk])
    page = as_user(rep).post(url, {"channel": "call", "said_at": "2026-11-22T10:00"}).content.decode()
    assert "This has not happened yet" in page
    page = as_user(rep).post(url, {"channel": "fax", "text": "Asked for a quote"}).content.decode()
    assert "fax is not one of the available choices" in page and "Asked for a quote" in page
    # Enter in the field presses the form's first button, which names no channel.
    assert page.index('<button type="submit" hidden></button>') < page.index('name="channel"')
    page = as_user(rep).post(url, {"subject": "A quote"}).content.decode()
    assert "Press how it was" in page and "A quote" in page
    assert not rows().exists()


def test_an_answer_stops_the_clock_and_their_next_word_starts_another(account, rep, as_user):
    client, row = as_user(rep), ask(account, rep)
    url = reverse("conversation-say", args=[row.pk])
    client.post(url, {"who": "us", "text": "We look."})
    row.refresh_from_db()
    assert (row.state, row.answered_at) == ("waiting", NOW)
    client.post(url, {"who": "them", "text": "And?"})
    row.refresh_from_db()
    assert (row.state, row.answered_at, row.asked_at) == ("open", None, NOW)
    assert [entry.inbound for entry in Entry.objects.system("test").order_by("pk")] == [True, False, True]
    page = client.get(reverse("conversation", args=[row.pk])).content.decode()
    assert page.index("It is broken.") < page.index("We look.") < page.index("And?")


def test_what_is_too_long_to_keep_stands_in_the_form_with_the_reason(account, rep, as_user):
    row = ask(account, rep)
    answer = as_user(rep).post(reverse("conversation-say", args=[row.pk]), {"who": "us", "text": "long " * TEXT_LIMIT})
    assert (answer.status_code, answer.context["form"].errors.keys()) == (422, {"text"})
    assert answer.content.decode().count("long long") and Entry.objects.system("test").count() == 1


def test_whoever_may_not_read_contact_data_sees_that_it_is_there_and_not_what_was_said(account, rep, as_user):
    factories.installation(visibility="all")
    row = ask(account, rep, contact=factories.contact(account, name="Lena Vogt"))
    client = as_user(factories.user("read_only"))
    for url in (reverse("conversation", args=[row.pk]), reverse("account", args=[account.pk])):
        page = client.get(url).content.decode()
        assert "Export fails" in page
        assert "It is broken." not in page
        assert "Lena Vogt" not in page


def test_the_list_begins_with_whoever_is_due_first_and_leads_on(account, rep, as_user, monkeypatch):
    monkeypatch.setattr("crm.conversations.queries.PAGE", 2)
    late = ask(account, rep, subject="late one", said_at=NOW - timedelta(days=8))
    soon = ask(account, rep, subject="soon one")
    none = ask(account, rep, subject="no clock", channel="meeting")
    client = as_user(rep)
    first = client.get(reverse("conversations")).content.decode()
    assert "late one" in first and "soon one" in first and "no clock" not in first
    assert first.index("late one") < first.index("soon one")
    assert "late since" in first
    second = client.get(reverse("conversations"), {"after": soon.pk}).content.decode()
    assert "no clock" in second and "soon one" not in second
    assert (late.due_at < soon.due_at, none.due_at) == (True, None)


@pytest.mark.parametrize("name", ["conversations", "account-conversations"])
def test_lists_take_as_many_queries_for_three_rows_as_for_one(name, account, rep, as_user):
    client = as_user(rep)
    url = reverse(name, args=[account.pk] if name.startswith("account") else [])
    counts = []
    for _round in range(2):
        ask(account, rep, contact=factories.contact(account))
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert client.get(url).status_code == 200
        counts.append(len(caught))
        ask(account, rep)
    assert counts[0] == counts[1] <= 5


def test_targets_are_set_by_channel_and_plan(ops, as_user):
    client, gold = as_user(ops), factories.plan(name="Gold")
    client.post(reverse("response-targets-of", args=[gold.pk]), {"mail": "60"})
    page = client.get(reverse("response-targets")).content.decode()
    assert "Gold" in page and ">60<" in page and ">480<" in page
    client.post(reverse("response-targets-of", args=[gold.pk]), {"mail": ""})
    assert (
        ">60<" in page and ">60</td>" not in client.get(reverse("response-targets")).content.decode().split("Gold")[1]
    )


def test_the_social_list_says_how_much_we_speak_of_ourselves(account, rep, as_user):
    for days in (1, 2, 3, 10, 27, 29):
        actions.log(
            account, channel="mention", text="We won a prize.", said_at=NOW - timedelta(days=days), at=NOW, by=rep
        )
    row = ask(account, rep, channel="mention", said_at=NOW - timedelta(days=40))
    actions.answer(row, text="Thank you.", at=NOW, by=rep)
    other = factories.user("rep")
    foreign = factories.account(owner=other)
    factories.installation(visibility="own", social_posts_a_week=2)
    actions.log(foreign, channel="mention", text="Hello.", at=NOW, by=other)
    client = as_user(rep)
    page = client.get(reverse("conversations"), {"channel": "mention"})
    assert page.context["warnings"] == [
        ("3 posts of ours in 7 days; at most 2 are meant to be.", True),
        ("Of what we said in 28 days, 5 of 6 were our own posts; the rest answered others.", True),
    ]
    assert page.content.decode().count('class="chip bad"') == 2
    assert "How much we say of ourselves" not in client.get(reverse("conversations")).content.decode()


def test_when_to_warn_is_set_beside_the_targets(ops, as_user):
    given = {"percent": "60", "posts_a_week": "3", "own_percent": "40"}
    as_user(ops).post(reverse("response-warning"), given)
    assert "After 60 % of a target" in as_user(ops).get(reverse("response-targets")).content.decode()
    refused = as_user(ops).post(reverse("response-warning"), given | {"percent": "0"})
    assert refused.context["form"].errors.keys() == {"percent"}
