"""Mail from a rep's own mailbox: taken in once, only from whoever's the address is, and never answered."""

import io
from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.core.management import call_command
from django.urls import reverse

from crm.captures import actions, queries
from crm.captures.forms import incoming, read
from crm.captures.models import CapturedMail
from crm.captures.rules import matter, read_address, secret
from crm.conversations import actions as conversations
from crm.conversations.models import Conversation, Entry
from crm.lib.gate import Refused
from crm.outbox.models import OutboundMail
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _domain(settings):
    settings.CAPTURE_DOMAIN = "in.ours.example"


@pytest.fixture
def lena(rep):
    account = factories.account("Acme Ltd", owner=rep, time_zone="Europe/Berlin")
    return factories.contact(account, name="Lena Vogt", email="Lena@acme.example")


def mail(sender, *, to="Lena Vogt <lena@ACME.example>", subject="The new rates", more="", body="Here they are.\n"):
    head = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Fri, 20 Nov 2026 10:00:00 +0100\r\n"
    head += "" if "Message-ID" in more else "Message-ID: <one@ours.example>\r\n"
    return f"{head}{more}\r\n{body}".encode()


def take(rep, raw, address=None):
    found = incoming(raw, recipient=address or queries.address_of(rep), now=NOW)
    return found and actions.capture(found[1], at=NOW, by=found[0])


def talks():
    return Conversation.objects.system("test").order_by("pk")


def test_a_mail_to_a_contact_stands_in_a_conversation_once(lena, rep):
    raw = mail(f"Rep <{rep.email.upper()}>")
    assert take(rep, raw).state == "kept"
    assert take(rep, raw) is None, "the same Message-ID again"
    row = talks().get()
    assert (row.account, row.contact, row.channel, row.subject) == (lena.account, lena, "mail", "The new rates")
    assert (row.inbound, row.state, row.responder) == (False, "closed", rep)
    assert row.began_at == NOW.replace(day=20), "10:00 in the mail's own zone is 9:00 UTC"
    assert Entry.objects.system("test").get().text == "Here they are."
    kept = CapturedMail.objects.get()
    assert (kept.subject, kept.text, kept.recipients) == ("", "", []), "the words stand in the conversation alone"
    assert not OutboundMail.objects.system("test").exists()


def test_an_answer_stops_the_clock_of_whoever_waits_for_it(lena, rep):
    asked = conversations.receive(
        lena.account, channel="mail", text="Where are they?", subject="The new rates", contact=lena,
        said_at=NOW - timedelta(days=2), at=NOW - timedelta(days=2), by=rep,
    )  # fmt: skip
    take(rep, mail(rep.email, subject="AW: Re: The  new rates"))
    row = talks().get(pk=asked.pk)
    assert (row.state, row.answered_at) == ("waiting", NOW.replace(day=20))
    # What goes on by its Message-ID needs no subject.
    take(rep, mail(rep.email, subject="Something else", more="Message-ID: <two@ours.example>\r\n"))
    follow = mail(
        rep.email, subject="Odd", more="Message-ID: <three@ours.example>\r\nReferences: <two@ours.example>\r\n"
    )
    take(rep, follow)
    assert [row.subject for row in talks()] == ["The new rates", "Something else"]
    assert Entry.objects.system("test").filter(conversation=talks().last()).count() == 2


@pytest.mark.parametrize(("asked", "state"), [(9 * 60 + 4, "waiting"), (9 * 60 + 6, "open")])
def test_a_mail_from_minutes_before_they_asked_comes_from_a_slow_clock(lena, rep, asked, state):
    """It says 9:00. They asked at 9:04, or at 9:06, which is long enough to have asked after that mail."""
    day = NOW.replace(day=20, hour=0, minute=0)
    talk = {"channel": "mail", "text": "Hello?", "contact": lena, "by": rep}
    first = conversations.receive(lena.account, **talk, subject="The new rates", said_at=day, at=day)
    conversations.answer(first, text="Soon.", at=day + timedelta(minutes=5), by=rep)
    conversations.hear(first, text="When?", at=day + timedelta(minutes=asked), by=rep)
    take(rep, mail(rep.email))
    assert talks().get().state == state


@pytest.mark.parametrize(
    "more",
    ["Auto-Submitted: auto-replied\r\n", "Precedence: bulk\r\n", "List-Id: <all.ours.example>\r\n"],
)
def test_what_machines_write_is_left_alone(lena, rep, more):
    assert take(rep, mail(rep.email, more=more)) is None
    assert not CapturedMail.objects.exists()


def test_only_whoever_the_address_is_and_only_by_the_newest_one(lena, rep):
    raw, other = mail(rep.email), factories.user("rep")
    assert take(rep, raw, queries.address_of(other)) is None, "another one's address"
    assert take(rep, mail("lena@acme.example")) is None, "a customer who has learnt the address"
    wrong = queries.address_of(rep).replace("@", "a@")
    assert take(rep, raw, wrong) is None
    old = queries.address_of(rep)
    actions.make_new_address(at=NOW, by=rep)
    assert take(rep, raw, old) is None
    rep.is_active = False
    rep.save()
    assert take(rep, raw) is None
    assert not CapturedMail.objects.exists()


def test_nobody_sees_what_fits_no_contact_but_its_sender_who_assigns_or_discards_it(lena, rep, as_user):
    factories.installation(visibility="own")
    stranger = factories.account("Foreign", owner=factories.user("rep"))
    factories.contact(stranger, email="otto@foreign.example")
    row = take(rep, mail(rep.email, to="otto@foreign.example, Nia <nia@new.example>"))
    assert (row.state, row.recipients) == ("unmatched", ["otto@foreign.example", "nia@new.example"])
    client = as_user(rep)
    with time_machine.travel(NOW, tick=False):
        page = client.get(reverse("captures")).content.decode()
        assert queries.address_of(rep) in page and "The new rates" in page and "nia@new.example" in page
        assert "The new rates" not in as_user(factories.user("rep")).get(reverse("captures")).content.decode()
        assert as_user(factories.user("rep")).get(reverse("capture-assign", args=[row.pk])).status_code == 404
        client = as_user(rep)
        client.post(reverse("capture-again", args=[row.pk]))
        assert not talks().exists()
        factories.contact(lena.account, email="nia@new.example")
        client.post(reverse("capture-again", args=[row.pk]))
        assert talks().get().account == lena.account
        for n, name in enumerate(("assign", "discard")):
            raw = mail(rep.email, to="nobody@new.example", more=f"Message-ID: <{name}@ours.example>\r\n")
            row = take(rep, raw)
            client.post(reverse(f"capture-{name}", args=[row.pk]), {"account": lena.account.external_id})
            row.refresh_from_db()
            assert (row.state, row.text) == (("kept", "discarded")[n], "")
            assert take(rep, raw) is None
    assert talks().count() == 2


@pytest.mark.parametrize("times", [1, 3])
def test_as_many_queries_however_many_wait(rep, as_user, times, django_assert_num_queries):
    for n in range(times):
        take(rep, mail(rep.email, to="nobody@new.example", more=f"Message-ID: <{n}@ours.example>\r\n"))
    client = as_user(rep)
    with django_assert_num_queries(6):
        client.get(reverse("captures"))


def test_html_becomes_its_words_and_the_plain_part_goes_first():
    html = "<style>p{}</style><p>Hello&nbsp;Lena,</p><div>the <b>rates</b><script>x()</script></div>"
    more = "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n"
    assert read(mail("a@b.example", more=more, body=html), now=NOW).text == "Hello Lena,\n\nthe rates"
    parts = f"--x\r\nContent-Type: text/plain\r\n\r\nPlain\r\n--x\r\nContent-Type: text/html\r\n\r\n{html}\r\n--x--\r\n"
    more = 'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="x"\r\n'
    assert read(mail("a@b.example", more=more, body=parts), now=NOW).text == "Plain"


NESTED = "".join(f'--b{n}\r\nContent-Type: multipart/mixed; boundary="b{n + 1}"\r\n\r\n' for n in range(2_000))


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\0" * 100, b"From: \xff\xfe\r\n\r\n", b"X" * 70_000, b"From: a@b.example, c@d.example\r\n\r\nx",
        b"From: a@b.example\r\n\r\n" + b"x" * 10_000_001,
        b"From: a@b.example\r\nX: " + b"y" * 70_000 + b"\r\n\r\nx",
    ],
)  # fmt: skip
def test_what_is_no_mail_is_refused(raw):
    with pytest.raises(Refused):
        read(raw, now=NOW)


@pytest.mark.parametrize(
    "raw",
    [
        mail("a@b.example", more="Content-Type: text/plain; charset=no-such\r\n", body="x"),
        mail("a@b.example", more='Content-Type: multipart/mixed; boundary="b0"\r\n', body=NESTED),
        mail("a@b.example", to="undisclosed:;", subject="=?utf-8?b?////?=", body="a\0b \xed\xa0\x80 c"),
        mail("a@b.example").replace(b"20 Nov 2026", b"99 Nov 99999"),
    ],
)  # fmt: skip
def test_odd_mail_is_read_as_far_as_it_goes(raw):
    try:
        found = read(raw, now=NOW)
    except Refused:
        return
    assert found.sender == "a@b.example" and "\0" not in found.text and found.sent_at <= NOW


def test_the_command_says_nothing_and_always_ends_well(lena, rep, monkeypatch, capsys):
    for address in (queries.address_of(rep), "nobody@in.ours.example"):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(mail(rep.email))))
        call_command("capture_mail", address)
    assert talks().count() == 1
    assert capsys.readouterr() == ("", "")


def test_addresses_and_subjects():
    key = b"key"
    assert len(secret(key, 7, 0)) == 16 and secret(key, 7, 0) != secret(key, 7, 1)
    assert read_address(f"<LOG-7-{secret(key, 7, 0).upper()}@in.ours.example>") == (7, secret(key, 7, 0))
    assert [read_address(odd) for odd in ("", "log-7@x", "log-07-aaaaaaaaaaaaaaaa@x", "a" * 9000)] == [None] * 4
    assert matter("Re: FWD: [Acme]  Rates") == matter("답장: [acme] rates") == "[acme] rates"
