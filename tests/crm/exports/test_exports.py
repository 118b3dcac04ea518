"""Every list as a file: what the page shows, no more than one sees, no formula, on record; and back in again."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.calendars.actions import set_day
from crm.calendars.models import Calendar, CalendarDay
from crm.contacts.models import Contact
from crm.conversations.actions import answer, hear, receive
from crm.conversations.models import ResponseTarget
from crm.exports.rules import EXPORTS
from crm.goals.actions import set_goal
from crm.imports.rules import KINDS
from crm.lib import xlsx_writing
from crm.lib.xlsx_writing import workbook
from crm.promises.actions import move_promise
from crm.promises.models import Promise
from crm.subscriptions.actions import end_subscription, record_payment
from crm.subscriptions.models import Subscription
from crm.usage.models import EventName, MonthlyTotal
from feedback.answers.models import Answer
from feedback.invitations.models import Invitation
from feedback.surveys.actions import create_survey
from feedback.surveys.models import Wave
from retention.measures.actions import spare
from retention.overrides.actions import end_override, set_override
from retention.pulses.actions import record_pulse
from tests import factories
from tests.company import Company, company
from tests.crm.uploads import door
from tests.factories import NOW

pytestmark = pytest.mark.django_db
SCHEMA = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def taken(client: Client, key: str, state: str = "", form: str = "csv") -> bytes:
    answer: Any = client.post(reverse("export", args=[key]), {"state": state, "as": form})
    assert answer.status_code == 200, answer
    return b"".join(answer.streaming_content)


def rows_of(client: Client, key: str, state: str = "") -> list[list[str]]:
    return list(csv.reader(io.StringIO(taken(client, key, state).decode().removeprefix("\ufeff"))))


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def ours(time_machine) -> Company:
    time_machine.move_to(NOW, tick=False)
    return company()


# --- whose, how and that it is on record -----------------------------------------------------------------------------


def test_each_list_is_a_file_in_both_forms_with_a_sentence_in_the_record(ours) -> None:
    clients = {role: signed_in(ours.users[role]) for role in "SOMRV"}
    for key, export in EXPORTS.items():
        may = {role for role in "SOMRV" if clients[role].post(reverse("export", args=[key])).status_code == 200}
        assert may == {role for role in "SOMRV" if export.allows(ours.users[role])} and may, key
        (who, *_others) = sorted(may)
        assert taken(clients[who], key, form="xlsx")[:2] == b"PK"
        (head, *_rows) = rows_of(clients[who], key)
        assert len(head) == len(set(head)) > 1, key
    read_by = {key for key, export in EXPORTS.items() if not export.allows(ours.users["O"])}
    assert read_by == {"webhook-log"}
    page = clients["O"].get(reverse("audit"), {"action": "list.exported"}).content.decode()
    assert "took a list as a file: Risk signals." in page
    offered = clients["M"].get(reverse("exports"))
    not_hers = {"webhook-log", "record", "tags", "events"}
    assert {each.key for each in offered.context["exports"]} == set(EXPORTS) - not_hers


def test_a_file_holds_what_the_person_sees_and_no_more(ours) -> None:
    """The manager sees the own team's accounts, without those restricted to their owner; ops see all of the four."""
    seen = {"M": {"own", "team"}, "O": {"own", "team", "restricted", "foreign"}}
    # The own account's person has not answered.
    answered = rows_of(signed_in(ours.users["M"]), "answers"), rows_of(signed_in(ours.users["O"]), "answers")
    assert [sorted(row[0].partition("-")[0] for row in rows[1:]) for rows in answered] == [
        ["team"], ["foreign", "restricted", "team"],
    ]  # fmt: skip
    for key in (
        "accounts",
        "contacts",
        "subscriptions",
        "conversations",
        "entries",
        "promises",
        "goals",
        "payments",
        "tasks",
        "follow-ups",
        "signals",
        "mails",
        "plays",
    ):
        for role, expected in seen.items():
            rows = rows_of(signed_in(ours.users[role]), key)
            place = rows[0].index("external_id" if key == "accounts" else "account")
            assert {row[place].partition("-")[0] for row in rows[1:]} == expected, (key, role)


def test_all_that_was_said_goes_out_in_its_order(ops, as_user) -> None:
    of, mina = factories.account(external_id="acme"), factories.user("ops_admin", email="mina@ours.example")
    talk = receive(of, channel="mail", text="=Where is it?", subject="Export", external_id="t-1", at=NOW, by=mina)
    answer(talk, text="Here.", at=NOW + timedelta(hours=1), by=mina)
    hear(talk, text="Thanks!", needs_answer=False, at=NOW + timedelta(hours=2), by=mina)
    receive(factories.account(external_id="other"), channel="mail", text="Hello?", at=NOW, by=mina)
    head, *rows = rows_of(as_user(ops), "entries")
    told = [dict(zip(head, row, strict=True)) for row in rows]
    assert [(row["account"], row["they_said_it"], row["said_by"], row["text"]) for row in told] == [
        ("acme", "yes", "", "'=Where is it?"), ("acme", "no", "mina@ours.example", "Here."),
        ("acme", "yes", "", "Thanks!"), ("other", "yes", "", "Hello?"),
    ]  # fmt: skip
    assert {(row["external_id"], row["conversation"], row["at"][:13]) for row in told[:3]} == {
        ("t-1", str(talk.pk), f"2026-11-21T{hour:02}") for hour in (9, 10, 11)
    }
    assert [row[0] for row in rows_of(as_user(ops), "entries", f"account={of.pk}")] == ["account", *["acme"] * 3]


def test_what_was_sought_is_kept_from_the_record(ours) -> None:
    taken(signed_in(ours.users["O"]), "portfolio", "q=Lena&sort=name")
    view = AuditRow.objects.get(action="list.exported").after["view"]
    assert "Lena" not in view and view.endswith("&sort=name")


def test_a_file_speaks_the_language_of_whoever_takes_it(ours) -> None:
    ops = ours.users["O"]
    ops.language = "ko"
    ops.save()
    signals = {row[2] for row in rows_of(signed_in(ops), "signals")[1:]}
    assert signals and all("가" <= word[0] <= "힣" for word in signals)


def test_a_page_of_one_account_gives_that_account_as_it_shows_it(ops, as_user) -> None:
    acme, other = factories.account("Acme", external_id="acme"), factories.account("Other", external_id="o")
    for name, left_on in (("Zoe", None), ("=cmd", None), ("Gone", date(2026, 1, 2))):
        factories.contact(acme, name=name, email="", left_on=left_on)
    factories.contact(other, name="Elsewhere", email="")
    client = as_user(ops)
    assert [row[2] for row in rows_of(client, "contacts", f"account={acme.pk}")] == ["name", "'=cmd", "Zoe"]
    assert len(rows_of(client, "contacts", f"account={acme.pk}&left=1")) == 4
    assert len(rows_of(client, "contacts")) == 5
    page = client.get(reverse("contacts", args=[acme.pk]), {"after": "888888888"}).content.decode()
    assert f'<input type="hidden" name="state" value="account={acme.pk}">' in page


def test_a_list_that_cannot_be_read_as_narrowed_gives_no_file_and_says_so(ops, as_user) -> None:
    client = as_user(ops)
    for key, state in (("portfolio", "where=nothing.is.1"), ("record", "from_on=soon")):
        answer = client.post(reverse("export", args=[key]), {"state": state, "next": reverse("portfolio")}, follow=True)
        assert "This list cannot be read as it is narrowed." in answer.content.decode()
    assert client.post(reverse("export", args=["nothing"])).status_code == 404
    assert not AuditRow.objects.filter(action="list.exported").exists()


def test_a_list_longer_than_a_sheet_goes_on_in_another(monkeypatch, tmp_path) -> None:
    from python_calamine import CalamineWorkbook

    monkeypatch.setattr(xlsx_writing, "MOST_ROWS", 2)
    path = tmp_path / "list.xlsx"
    path.write_bytes(b"".join(workbook("tasks", ["n"], [[n] for n in range(5)])))
    book = CalamineWorkbook.from_path(str(path))
    assert book.sheet_names == ["tasks", "tasks 2", "tasks 3"]
    sheets = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
    assert sheets == [[["n"], [0], [1]], [["n"], [2], [3]], [["n"], [4]]]


# --- back in again ---------------------------------------------------------------------------------------------------


def filled() -> None:
    """A small book with what is awkward in it: formulas, guards, semicolons, ends, empty cells, other languages."""
    owner = factories.user(email="mina@ours.example")
    gone = factories.user(email="gone@ours.example", is_active=False)
    reports = factories.feature("reports", name="Reports")
    pro = factories.plan(reports, external_id="pro", name="=Pro")
    factories.plan(None, external_id="all", name="All of it", includes_everything=True)
    names = ["=1+1", "한빛", 'Söhne, "Co"', "-5", "+49 30 1234", "@home"]
    accounts = [
        factories.account(
            name, external_id=f"+{n}", owner=gone if n else owner, tags=["vip", "a, b"], domains=["a.example"],
            segment="=x", stage="trial", customer_since=date(2026, 3, 4),
        )
        for n, name in enumerate(names)
    ]  # fmt: skip
    first = accounts[0]
    _described(first)
    for n, email in enumerate(["", "lena@a.example", "Otto@A.example"]):
        factories.contact(
            accounts[n], name=f"=Lena {n}", email=email, external_id=f"-{n}" if n else None, phone="+49 170 1234567",
            job_title="Head, of", role="champion", left_on=date(2026, 2, 1) if n == 2 else None,
        )  # fmt: skip
    begun = date(2025, 1, 31)
    change = factories.subscription(first, "33.33", plan=pro, effective_on=begun, seats=3, renews_on=date(2027, 1, 31))
    end_subscription(change.subscription, on=date(2026, 6, 1), at=NOW, by=System("test"))
    factories.subscription(accounts[1], "0", plan=None, effective_on=begun)
    event = EventName.objects.create(name="monthly_total:reports", feature=reports, first_seen_at=NOW, last_seen_at=NOW)
    MonthlyTotal.objects.system("test").create(
        account=first, event=event, month=date(2026, 9, 1), uses=31, amount=Decimal(1_500_000),
        through=date(2026, 9, 30), recorded_at=NOW,
    )  # fmt: skip
    _answered(first, owner)


def _described(account: Any) -> None:
    from crm.accounts.models import Trait, TraitDefinition

    values: dict[str, Any] = {"number": Decimal("12.5"), "text": "=x", "flag": False, "date": date(2026, 4, 3)}
    for kind, value in values.items():
        of = TraitDefinition.objects.create(key=f"a_{kind}", label=kind, type=kind)
        column = {"day" if kind == "date" else kind: value}
        Trait.objects.system("test").create(account=account, definition=of, at=NOW, recorded_at=NOW, **column)


def _answered(account: Any, sender: Any) -> None:
    """Answered two days after it was asked, in a wave of ten."""
    survey = create_survey(name="Q3", sender=sender, at=NOW, by=System("test"))
    asked = datetime(2026, 9, 1, 9, tzinfo=UTC)
    wave = Wave.objects.create(
        survey=survey, opened_at=asked, opened_by=sender, target=10, eligible=10, asked=1, sample_seed="s"
    )
    contact = Contact.objects.system("test").filter(account=account).get()
    invitation = Invitation.objects.system("test").create(
        wave=wave, account=account, contact=contact, created_at=asked, expires_at=asked + timedelta(days=60)
    )
    Answer.objects.system("test").create(
        invitation=invitation, account=account, contact=contact, score=9, comment="=Good;\nfast",
        answered_at=asked + timedelta(days=2),
    )  # fmt: skip


def said_to_them(client: Client, ops: Any) -> None:
    """Promises with an id and without, one of them moved since; conversations with times to the second."""
    promises = """account,id,promise,due_on,made_on,to,by,state,settled_on,why
+0,p-1,=A report,2026-12-04,2026-11-01,,mina@ours.example,open,,
+1,,Seats by office,2026-12-05,2026-11-02,lena@a.example,,open,,
+2,p-3,Call back,2026-11-10,2026-11-01,,,kept,2026-11-09,on the phone
"""
    door.go(client, door.tried(client, "promises", promises), "apply")
    moved = Promise.objects.system("test").get(external_id=None)
    move_promise(moved, due_on=date(2026, 12, 20), why="They asked for it.", at=NOW, by=ops)
    talks = """account,id,channel,subject,text,email,began_at,answered_at,closed_at
+1,t-1,mail,=Where?,"Two
lines",lena@a.example,2026-11-10T09:30:07Z,2026-11-10T10:00:00Z,
+2,t-2,,,,,2026-11-10T09:30:00+09:00,,2026-11-11
"""
    line = Subscription.objects.system("test").select_related("account__owner").order_by("pk")[0]
    for kind, invoice in (("failed", "=A-1"), ("settled", "")):
        record_payment(
            line,
            kind=kind,
            on=date(2026, 11, 3),
            currency="EUR",
            invoice=invoice,
            amount=Decimal("99.50"),
            at=NOW,
            by=ops,
        )
    aim: dict[str, Any] = {"target": Decimal("200.5"), "due_on": date(2027, 3, 31), "at": NOW, "by": ops}
    set_goal(line.account, words="=One place", feature=factories.feature("aimed"), **aim)
    record_pulse(line.account, value=4, reason="=They plan daily.", at=NOW, by=ops)
    by_hand: dict[str, Any] = {"reason": "=They renewed by phone.", "at": NOW, "by": ops}
    set_override(line.account, band=3, until=date(2026, 12, 4), **by_hand)
    end_override(line.account, at=NOW, by=ops)
    spare(line.account, feature=factories.feature("spared"), **by_hand)
    set_day(Calendar.objects.get(), day=date(2026, 12, 24), name="=Eve", free=False, at=NOW, by=ops)
    made = door.tried(client, "conversations", talks)
    assert made.new == 2, door.reasons(made)
    door.go(client, made, "apply")


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_the_importer_brings_in_goes_out_and_in_again_unchanged(ops, as_user, form, time_machine) -> None:
    time_machine.move_to(NOW, tick=False)
    filled()
    client = as_user(ops)
    said_to_them(client, ops)
    before = door.digests()
    expected = {"accounts": 6, "contacts": 3, "plans": 2, "subscriptions": 2, "totals": 1, "answers": 1}
    expected |= {"promises": 3, "conversations": 2, "payments": 2, "goals": 1, "pulses": 1}
    expected |= {"overrides": 2, "not-needed": 1, "calendar-days": CalendarDay.objects.count()}
    expected |= {"response-targets": ResponseTarget.objects.count()}
    assert KINDS.keys() - expected.keys() == {"events", "milestones"} and min(expected.values()) > 0
    for kind, rows in expected.items():
        made = door.tried(client, kind, taken(client, kind, form=form), f"{kind}.{form}")
        assert door.counts(made) == ("checked", 0, 0, rows, 0), (kind, door.reasons(made), made.problem)
        assert door.counts(door.go(client, made, "apply")) == ("applied", 0, 0, rows, 0), kind
    assert door.digests() == before
    assert list(Wave.objects.values_list("target", "eligible", "asked")) == [(10, 10, 1)]
    assert [row[3:5] for row in rows_of(client, "subscriptions")][1] == ["2025-01-31", "2026-06-01"]
