"""What a file may be like, and what may happen to it on its way."""

import io
from datetime import date, datetime, timedelta

import pytest
import xlsxwriter
from django.urls import reverse

from crm.accounts.models import Account, Trait
from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.calendars.models import Calendar
from crm.imports.models import ImportEffect
from crm.imports.rules import KINDS
from crm.staff.actions import change_preferences
from crm.staff.models import User
from crm.subscriptions.models import Subscription
from crm.uploads import actions
from crm.uploads.actions import working
from crm.uploads.models import Upload, UploadPiece, UploadRow
from retention.onboarding.actions import Asked, Terms, follow, set_plan
from tests import factories
from tests.crm.uploads import door

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(as_user, ops):
    return as_user(ops)


def accounts() -> list[tuple[str, str, date | None]]:
    rows = Account.objects.system("test").order_by("external_id")
    return list(rows.values_list("external_id", "name", "customer_since"))


def test_a_date_that_reads_as_two_days_is_asked_about(client) -> None:
    text = "id,name,since\na,Alpha,25-03-2025\nb,Beta,03-04-2025\n"
    made = door.tried(client, "accounts", text)
    assert made.state == "columns"
    page = client.get(reverse("upload", args=[made.pk])).content.decode()
    assert "Line 3, column since: 03-04-2025 is one day in Paris and another in Boston." in page
    assert "In line 2, 25-03-2025 can only be day first." in page
    client.post(reverse("upload-columns", args=[made.pk]), {"column-0": "external_id", "column-2": "customer_since"})
    made.refresh_from_db()
    assert made.state == "columns"  # without an answer nothing goes on
    post = {"column-0": "external_id", "column-1": "name", "column-2": "customer_since", "date_order": "dmy"}
    client.post(reverse("upload-columns", args=[made.pk]), post)
    door.long_work()
    made.refresh_from_db()
    door.go(client, made, "apply")
    assert accounts() == [("a", "Alpha", date(2025, 3, 25)), ("b", "Beta", date(2025, 4, 3))]
    again = door.upload(client, "accounts", text)  # asked again, with the answer of the last time at hand
    assert client.get(reverse("upload", args=[again.pk])).context["form"].date_order == "dmy"


@pytest.mark.parametrize(
    ("encoding", "name", "found"),
    [
        ("utf-8", "Müller", "utf-8"),
        ("utf-8-sig", "Müller", "utf-8-sig"),
        ("cp949", "한빛 소프트", "cp949"),
        ("latin-1", "Crème brûlée", "cp1252"),
        ("utf-16", "한빛", "utf-16"),
    ],
)
def test_letters_are_right_whatever_the_encoding(client, encoding, name, found) -> None:
    made = door.tried(client, "accounts", f"id;name\na;{name}\n".encode(encoding))
    assert (made.encoding, made.delimiter, made.state) == (found, ";", "checked")
    door.go(client, made, "apply")
    assert accounts()[0][:2] == ("a", name)


def test_a_wrong_guess_is_mended_by_hand(client) -> None:
    made = door.upload(client, "accounts", "id,name\na,Žižek\n".encode("cp1252", "replace"))
    client.post(reverse("upload-columns", args=[made.pk]), {"again": "1", "encoding": "latin-1", "delimiter": ";"})
    made.refresh_from_db()
    assert (made.encoding, made.delimiter, made.header) == ("latin-1", ";", ["id,name"])


def test_a_workbook_is_read_with_its_days_numbers_and_row_numbers(client) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet, day = book.add_worksheet("Customers"), book.add_format({"num_format": "dd/mm/yyyy"})
        sheet.write_row(1, 0, ["ID", "Name", "Customer since", "trait:rooms"])
        sheet.write_row(2, 0, [17, "Two\nlines"])
        sheet.write_datetime(2, 2, datetime(2025, 4, 3), day)
        sheet.write(2, 3, 12.5)
        sheet.write_row(4, 0, ["b", "Beta", "soon"])
        book.add_worksheet("Notes").write(0, 0, "nothing for us")
    made = door.tried(client, "accounts", out.getvalue(), "book.xlsx")
    assert made.note == "The workbook has 2 sheets; only the first one, “Customers”, is read."
    assert door.counts(made) == ("checked", 1, 0, 0, 1)
    words = "Column customer_since: soon is not a date. Write it as 2026-11-21."
    assert door.reasons(made) == [(5, words)]
    door.go(client, made, "apply")
    assert accounts() == [("17", "Two\nlines", date(2025, 4, 3))]
    assert str(Trait.objects.system("test").get().number) == "12.500000"


def test_the_failed_rows_come_back_as_a_file_that_can_be_mended_and_uploaded(client) -> None:
    text = 'id,name,language\n=1+1,Äpfel & Co,en\nb,"Beta, ""B""",klingon\nc,Gamma,en,more\n'
    made = door.tried(client, "accounts", text)
    assert door.counts(made) == ("checked", 1, 0, 0, 2)
    answer = client.post(reverse("upload-refused", args=[made.pk]))
    file = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert file.splitlines() == [
        "id,name,language,refused_line,refused_reason",
        'b,"Beta, ""B""",klingon,3,Column language: klingon is not a language code such as en.',
        "c,Gamma,en,more,4,The row does not fit the header: it has 4 in place of 3 cells.",
    ]
    assert AuditRow.objects.filter(action="upload.refused_exported").count() == 1
    # Whoever reads it in another language reads the reasons in that, on the page and in the file.
    ops = User.objects.get(role="ops_admin")
    change_preferences(ops, language="ko", at=factories.NOW, by=ops)
    korean = client.post(reverse("upload-refused", args=[made.pk])).getvalue().decode("utf-8-sig")
    said = "language 열: klingon 값은 올바르지 않습니다. 필요한 값: 언어 코드(예: en)."
    assert said in korean
    assert said in client.get(reverse("upload", args=[made.pk]), {"show": "refused"}).content.decode()
    change_preferences(ops, language="en", at=factories.NOW, by=ops)
    mended = file.replace("klingon", "ko").rsplit("c,Gamma", 1)[0]
    assert door.counts(door.tried(client, "accounts", mended)) == ("checked", 1, 0, 0, 0)


def test_what_somebody_changed_since_is_left_and_told(client) -> None:
    changed, kept = (factories.account(name, external_id=name.lower()) for name in ("Alpha", "Beta"))
    made = door.tried(client, "accounts", "id,name,segment\nalpha,Alpha Two,Large\nbeta,Beta Two,Large\ngamma,Gamma,\n")
    made = door.go(client, made, "apply")
    Account.objects.system("test").filter(pk=changed.pk).update(name="Alpha Three")
    Account.objects.system("test").filter(pk=kept.pk).update(next_step="Call them")
    factories.contact(Account.objects.system("test").get(external_id="gamma"))
    made = door.go(client, made, "undo")
    assert (made.state, made.run.left) == ("undone", 2)
    left = dict(ImportEffect.objects.exclude(left="").values_list("after__external_id", "left"))
    assert left == {
        "alpha": "Changed since: name.",
        "gamma": "Something has been added to it since (contact). Undo or remove that first.",
    }
    kept.refresh_from_db()
    # What was changed beside what the import set stays.
    assert (kept.name, kept.segment, kept.next_step) == ("Beta", "", "Call them")
    assert "Alpha Three" not in client.get(reverse("upload", args=[made.pk])).content.decode()
    assert AuditRow.objects.filter(action="import.undone").get().after == {"left": 2}


def test_work_that_was_killed_goes_on_where_it_stopped(client, monkeypatch) -> None:
    """The second chunk of three fails as a kill would: its transaction is lost, the first one stays."""
    monkeypatch.setattr(working, "CHUNK", 2)
    text = "id,name\n" + "".join(f"a{n},Account {n}\n" for n in range(6))
    made = door.tried(client, "accounts", text)
    before = door.digests()
    advance, calls = working._advance, []

    def dies(upload: Upload, **values: object) -> None:
        if "done" in values and upload.state == "applying" and values["done"]:
            calls.append(values["done"])
            if len(calls) == 2:
                raise KeyboardInterrupt
        advance(upload, **values)

    monkeypatch.setattr(working, "_advance", dies)
    with pytest.raises(KeyboardInterrupt):
        door.go(client, made, "apply")
    made.refresh_from_db()
    assert (made.done, made.through, len(accounts())) == (2, 3, 2)
    monkeypatch.setattr(working, "_advance", advance)
    door.long_work()
    made.refresh_from_db()
    assert (made.state, made.run.created, len(accounts())) == ("applied", 6, 6)
    assert door.go(client, made, "undo").state == "undone"
    assert door.digests() == before


def test_columns_are_remembered_for_such_a_file(client) -> None:
    made = door.upload(client, "accounts", "Nr,Firma\n1,Alpha\n")
    form = client.get(reverse("upload", args=[made.pk])).context["form"]
    assert [choice.chosen for choice in form.choices] == ["", ""]
    page = client.post(reverse("upload-columns", args=[made.pk]), {"column-1": "name"}).content.decode()
    assert "No column is said to be external_id." in page
    client.post(reverse("upload-columns", args=[made.pk]), {"column-0": "external_id", "column-1": "name"})
    again = door.upload(client, "accounts", "NR,firma\n2,Beta\n")
    form = client.get(reverse("upload", args=[again.pk])).context["form"]
    assert [choice.chosen for choice in form.choices] == ["external_id", "name"]


def test_what_is_staged_is_forgotten_after_thirty_days(client) -> None:
    made = door.go(client, door.tried(client, "accounts", "id,name\na,Alpha\n"), "apply")
    later = factories.NOW + timedelta(days=40)
    Upload.objects.update(created_at=factories.NOW)
    assert actions.tidy(at=later, by=System("housekeeping")) == 1
    left = [model.objects.count() for model in (Upload, UploadRow, UploadPiece, ImportEffect)]
    assert left == [0, 0, 0, 0]
    made.run.refresh_from_db()
    assert (made.run.created, made.run.undoable) == (1, False)


def in_onboarding(account: Account) -> None:
    """With the milestone that the template names."""
    terms = Terms(date(2026, 11, 1), 60, 14, [Asked("Kickoff held", "hand", 7)])
    set_plan(name="Standard", plans=[], terms=terms, at=factories.NOW, by=System("test"))
    Account.objects.system("test").filter(pk=account.pk).update(customer_since=date(2026, 11, 1))
    follow(factories.NOW, at=factories.NOW, by=System("test"))


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_each_template_imports_as_it_is(client, form) -> None:
    acme = factories.account("Acme", external_id="acme")
    Calendar.objects.get_or_create(name="Germany")  # whose days the template names
    factories.feature("trips")  # what goals and payments name
    line = factories.subscription(acme).subscription_id
    Subscription.objects.system("test").filter(pk=line).update(external_id="main")
    in_onboarding(acme)
    for kind in KINDS:
        answer = client.get(reverse("import-template", args=[kind, form]))
        made = door.tried(client, kind, answer.getvalue(), f"{kind}.{form}")
        assert (made.state, made.refused, made.new + made.updated) == ("checked", 0, 1), (kind, door.reasons(made))


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_list_on_screen_taken_as_a_file_imports_again_as_unchanged(client, form) -> None:
    for n, name in enumerate(["=1+1", "한빛", "Söhne; & Co"]):
        factories.account(name, external_id=f"+e{n}", tags=["vip", "a, b"], segment="-x", stage="trial")
    state = "stage=all&columns=stage,segment,tags,customer_since,owner"
    answer = client.post(reverse("export", args=["portfolio"]), {"state": state, "as": form})
    made = door.tried(client, "accounts", b"".join(answer.streaming_content), f"list.{form}")
    assert door.counts(made) == ("checked", 0, 0, 3, 0), door.reasons(made)
