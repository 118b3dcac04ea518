"""Scripts that customers, senders or colleagues could write into any text: none runs, on no page, in no mail."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.urls import reverse

from crm.accounts import actions as accounts
from crm.imports.models import ImportRefusal, ImportRun
from crm.outbox import actions as outbox
from crm.sources.models import Reject, Source
from crm.usage.models import EventName
from feedback.answers.models import Answer
from feedback.surveys.models import Survey
from retention.tasks.actions import create_task
from tests import factories
from tests.architecture.asking import address, expected, visits
from tests.architecture.matrix import ADMIN, URLS
from tests.architecture.test_matrix import admin_pages
from tests.browser.conftest import FILES, MAILS, Watched, Watching
from tests.browser.payloads import PAYLOADS
from tests.browser.poison import columns, poison, tables
from tests.company import NOW, TODAY, Company
from tests.feedback import people

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
# All that a page holds as words, also what is folded away, typed into a field or offered in a list.
WORDS = """() => [document.title, document.documentElement.textContent,
  ...[...document.querySelectorAll("input, textarea")].map((field) => field.value)].join("\\n")"""


def more_rows(made: Company) -> None:
    """Enough of what is listed, so that lists are full of it."""
    of, rep, ops = made.accounts["own"], made.users["R"], made.users["O"]
    source, run, survey = Source.objects.get(name="Web app"), ImportRun.objects.get(), Survey.objects.get()
    for n in range(40):
        factories.account(f"Account {n}", owner=rep, next_step=f"Step {n}", next_step_on=TODAY, external_id=f"more-{n}")
        someone = factories.contact(of, name=f"Person {n}", job_title="Planner")
        create_task(of, title=f"Task {n}", due_on=TODAY, detail="Ask.", at=NOW, by=rep)
        EventName.objects.create(name=f"Event {n}", first_seen_at=NOW, last_seen_at=NOW)
        Reject.objects.create(source=source, at=NOW, position=n, reason="No name.", excerpt="{}", message_id=f"m{n}")
        ImportRefusal.objects.create(run=run, line=n + 9, reason="No name.", row={"name": "x"})
        answered = people.invitation(survey, someone, created_at=NOW - timedelta(days=1))
        Answer.objects.create(
            invitation=answered, account=of, contact=someone, score=2, comment="Slow.", answered_at=NOW
        )
    for n in range(8):
        trait = accounts.define_trait(key=f"trait-{n}", label=f"Trait {n}", type="text", unit="rooms", at=NOW, by=ops)
        accounts.set_trait(of, trait, "Words", at=NOW, by=rep)
    mail = outbox.enqueue(
        key="scripts", account=of, contact=made.contacts["own"], kind="informational", signer=rep, approved_by=rep,
        subject="Words", body_text="\n\n".join(PAYLOADS), body_html="\n".join(PAYLOADS), due_at=NOW, at=NOW, by=rep,
    )  # fmt: skip
    made.remember("waiting mail", mail.pk, "own")


def everything(made: Company) -> Iterator[tuple[str, str, str]]:
    """(role, name, address) of every page and piece of one: as a rep where a rep gets it, else as whoever does."""
    for line in URLS:
        whose = visits(made, line)[0]
        role = next((role for role in "ROSM" if expected(line.get, role, "team", whose) == 200), "")
        if role and line.name not in FILES:
            yield role, line.name, address(made, line, whose)
    for row in ADMIN:
        for path, method, who in admin_pages(row):
            if method == "GET" and "O" in who and not path.endswith(("/history/", "/add/")):
                yield "O", f"admin of {row.model}", path
    typed = "?sort=%3Cscript%3Ealert(1)%3C/script%3E"
    typed += "&q=%22%3E%3Cimg+src=x+onerror=alert(1)%3E&band=%3Csvg%20onload=alert(1)%3E"
    for name in ("search", "portfolio", "settings", "mail-files", "palette"):
        yield "O", f"{name} with a script in its address", reverse(name) + typed


def spread(made: Company) -> None:
    more_rows(made)
    poison()


def test_no_payload_runs_anywhere_and_each_stands_there_as_plain_words(made: Company, watching: Watching) -> None:
    spread(made)
    found: dict[str, list[str]] = {}
    said: list[str] = []
    watched: dict[str, Watched] = {}
    for role, name, path in everything(made):
        if role not in watched:
            watched[role] = watching(role)
        look = watched[role]
        if faults := look.open(path, scripts=name not in MAILS):
            found[f"{name} as {role}"] = list(faults)
        if name not in MAILS:
            said.append(look.page.evaluate(WORDS))
    public = watching("-")
    if faults := public.open(f"/s/{made.rows['token']['']}/?score=%3Cscript%3Ealert(1)%3C/script%3E"):
        found["answer"] = list(faults)
    assert not found, "\n".join(f"{page}: {faults}" for page, faults in found.items())
    # Else the above would say nothing.
    shown = re.sub(r"\s+", " ", "\n".join(said))
    assert [payload for payload in PAYLOADS if re.sub(r"\s+", " ", payload).strip() not in shown] == []


def test_there_are_five_hundred_payloads_and_every_table_with_words_takes_some() -> None:
    assert len(PAYLOADS) >= 500
    wordless = {model._meta.label for model in tables() if not list(columns(model))}
    assert "crm.Account" not in wordless
    names = [f"{model._meta.label}.{field.name}" for model in tables() for field, _limit in columns(model)]
    assert len(names) > 80
