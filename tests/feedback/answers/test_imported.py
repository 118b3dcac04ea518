"""Answers that were given elsewhere, from files as they are found."""

from pathlib import Path

import pytest

from crm.accounts.models import Account
from crm.imports.forms.files import Order, open_table
from crm.imports.queries import Known
from feedback.answers import rules
from feedback.answers.models import Answer
from feedback.invitations.models import Invitation
from feedback.surveys.models import Survey, Wave
from tests import factories
from tests.crm.uploads import door
from tests.factories import NOW, TODAY

pytestmark = pytest.mark.django_db
HERE = Path(__file__).parents[2] / "data" / "nps_fr.csv"
WHOLE = Path(__file__).parents[4] / "shared" / "data" / "nps_fr" / "nps.csv"
COLUMNS = {"column-1": "account", "column-2": "score", "column-5": "comment", "column-8": ""}


def customers_of(data: bytes) -> None:
    ids = {line.split(b",")[1].decode() for line in data.splitlines()[1:] if line.startswith(b'"')}
    Account.objects.system("test").bulk_create(
        [Account(external_id=one, name=one, created_at=factories.NOW) for one in sorted(ids) if one.isdigit()]
    )


def test_a_french_file_in_latin_1_keeps_its_accents_and_goes_back(as_user, ops) -> None:
    data = HERE.read_bytes()
    customers_of(data)
    client, before = as_user(ops), door.digests()
    made = door.tried(client, "answers", data, "nps.csv", **COLUMNS)
    assert (made.encoding, made.guessed) == ("cp1252", True)
    assert door.counts(made) == ("checked", 38, 0, 0, 1)
    assert door.reasons(made) == [(37, "Column score: NA is not a number such as 1234.50, without thousands marks.")]
    door.go(client, made, "apply")
    comment = Answer.objects.system("test").get(account__external_id="2482").comment
    assert comment == "Il y a très peu de caisse ouverte et le délai d'attente est particulièrement long!!!!"
    assert Answer.objects.system("test").filter(comment="").count() > 10  # NA is nothing
    again = door.tried(client, "answers", data, "nps.csv", **COLUMNS)
    assert door.counts(again) == ("checked", 0, 0, 38, 1)
    door.go(client, made, "undo")
    assert door.digests() == before
    left = [model._base_manager.count() for model in (Answer, Invitation, Wave, Survey)]
    assert left == [0, 0, 0, 0]


def test_answers_name_people_days_and_surveys(as_user, ops) -> None:
    held = factories.contact(factories.account("Acme", external_id="acme"), email="lena@acme.example")
    text = (
        "account,email,name,score,comment,date,survey\n"
        "acme,LENA@acme.example,,9,Good,2026-10-02,Autumn\n"
        "acme,otto@acme.example,Otto,3,Slow,2026-10-02,Autumn\n"
        "acme,,,7,,2026-10-03,\nacme,,,11,,,\nacme,,,,,,\nnobody,,,5,,,\n"
    )
    client = as_user(ops)
    made = door.go(client, door.tried(client, "answers", text), "apply")
    assert door.counts(made) == ("applied", 3, 0, 0, 3)
    rows = Answer.objects.system("test").order_by("answered_at", "score")
    said = [(row.contact.name, row.score, str(row.answered_at.date()), str(row.invitation.wave.survey)) for row in rows]
    assert said == [
        ("Otto", 3, "2026-10-02", "Autumn"),
        (held.name, 9, "2026-10-02", "Autumn"),
        ("Respondent", 7, "2026-10-03", "Imported answers"),
    ]  # fmt: skip
    assert [reason for _line, reason in door.reasons(made)] == [
        "Column score: 11 is not a whole number from 0 to 10.",
        "The column score is empty. Fill it in, or leave the row out.",
        "There is no account with the external id nobody. Import the accounts first.",
    ]


@pytest.mark.shared
@pytest.mark.skipif(not WHOLE.exists(), reason="The folder ../shared/data/nps_fr is not here.")
def test_all_13_954_answers_are_read_and_none_is_lost() -> None:
    columns = {"account": "id", "score": "nps", "comment": "explication"}
    table = open_table(Order(rules.ANSWERS, WHOLE, columns))
    rows = list(table.read(Known(today=TODAY), now=NOW))
    read = [row.values for row in rows if row.values]
    assert (len(rows), table.shape.encoding) == (13_954, "latin-1")
    assert all(row.values or row.reason.startswith("Column score: NA is not a number") for row in rows)
    assert len(read) + sum(1 for row in rows if not row.values) == 13_954
    assert "délai d'attente" in read[1]["comment"]
