"""Walks through the product: with the keyboard alone, and a rep's morning."""

import pytest

from crm.audit.models import AuditRow
from crm.contacts.models import Contact
from crm.conversations.models import Conversation
from crm.outbox.models import OutboundMail
from crm.promises.models import Promise
from retention.follow_ups.models import FollowUp
from retention.onboarding.models import MilestoneReach
from retention.scorecards.actions import start_draft
from retention.scorecards.models import ScorecardMeasure, ScorecardVersion
from retention.tasks.models import Task
from tests.browser.conftest import Watched, Watching
from tests.company import NOW, Company

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def tab_to(watched: Watched, selector: str, most: int = 80, key: str = "Tab") -> None:
    """Press Tab until the focus is there, and see that it shows."""
    page = watched.page
    for _press in range(most):
        page.keyboard.press(key)
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            style = (
                "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.boxShadow })()"
            )
            assert page.evaluate(style) != "nonenone", f"the focus on {selector} cannot be seen"
            return
    raise AssertionError(f"{most} times Tab did not reach {selector} at {page.url}")


def enter(watched: Watched) -> None:
    with watched.page.expect_navigation():
        watched.page.keyboard.press("Enter")


def test_a_contact_is_edited_and_a_task_assigned_with_the_keyboard_alone(made: Company, watching: Watching) -> None:
    watched = watching("R")
    account, contact = made.accounts["own"].pk, made.contacts["own"].pk
    assert watched.open("/today/") == []
    watched.page.keyboard.press("/")
    watched.page.keyboard.type("ownacc")
    enter(watched)
    tab_to(watched, f"a[href='/accounts/{account}/']")
    enter(watched)
    tab_to(watched, f"a[href='/accounts/{account}/contacts/']")
    enter(watched)
    tab_to(watched, f"a[href='/contacts/{contact}/edit/']")
    enter(watched)
    tab_to(watched, "input[name=name]")
    watched.page.keyboard.press("Control+A")
    watched.page.keyboard.type("Lena Berg")
    tab_to(watched, "main form button")
    enter(watched)
    assert Contact.objects.system("test").get(pk=contact).name == "Lena Berg"
    assert AuditRow.objects.filter(action="contact.changed", actor_id=str(made.users["R"].pk)).count() == 1
    tab_to(watched, f"a[href='/accounts/{account}/']")
    enter(watched)
    tab_to(watched, f"a[href='/accounts/{account}/tasks/new/']")
    watched.page.keyboard.press("Enter")
    watched.page.locator("input[name=title]").wait_for()
    tab_to(watched, "input[name=title]")
    watched.page.keyboard.type("Send Lena the agenda")
    tab_to(watched, "select[name=assignee]")
    watched.page.keyboard.type("Jonas")
    tab_to(watched, "main form:has(input[name=title]) button[type=submit]")
    watched.page.keyboard.press("Enter")
    watched.page.get_by_text("Added.").wait_for()
    task = Task.objects.system("test").get(title="Send Lena the agenda")
    assert (task.account_id, task.assignee) == (account, made.users["colleague"])
    assert watched.faults == []


def test_a_rep_reads_a_draft_on_today_and_approves_it_and_finds_the_mail(made: Company, watching: Watching) -> None:
    watched = watching("R")
    page = watched.page
    assert watched.open("/today/") == []
    draft = FollowUp.objects.system("test").get(pk=made.rows["draft"]["own"])
    page.locator("main li, main article, main tr").filter(has_text="ownaccount Ltd").get_by_text(
        "Read and approve"
    ).click()
    assert draft.body.splitlines()[0] in page.locator("blockquote").first.inner_text()
    page.get_by_role("button", name="Approve, send now").click()
    page.get_by_text("Approved. It goes to ownperson Vogt: Wed 10:00.").wait_for()
    mail = OutboundMail.objects.system("test").get(key=f"follow-up:{draft.pk}:1")
    assert (mail.state, mail.approved_by, mail.body_text.startswith(draft.body[:40])) == (
        "approved",
        made.users["R"],
        True,
    )
    assert watched.open("/mail/") == []
    row = page.locator("main tr").filter(has_text=mail.subject).filter(has_text="ownaccount Ltd")
    assert row.inner_text().count("Approved, waiting for its time") == 1
    row.get_by_role("link", name="ownperson Vogt").click()
    frame = page.frame_locator("iframe").locator("body")
    assert draft.body.splitlines()[0] in frame.inner_text()


def test_the_palette_and_the_keys_go_everywhere_without_the_mouse(made: Company, watching: Watching) -> None:
    watched = watching("R")
    page = watched.page
    assert watched.open("/today/") == []
    page.keyboard.press("Control+k")
    page.get_by_text("New account").wait_for()
    page.keyboard.type("ownacc")
    page.locator("[data-found=ownacc]").get_by_role("link", name="ownaccount Ltd").wait_for()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent").startswith("ownaccount Ltd")
    page.keyboard.press("ArrowUp")
    # A syllable that is still being built is not an answer yet.
    composing = "{ key: 'Enter', isComposing: true, bubbles: true, cancelable: true }"
    assert page.evaluate(f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {composing}))")
    enter(watched)
    assert page.url.endswith(f"/accounts/{made.accounts['own'].pk}/")
    for letters, there in (("g a", "/accounts/"), ("g t", "/today/")):
        with page.expect_navigation():
            for letter in letters.split():
                page.keyboard.press(letter)
        assert page.url.endswith(there)
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_text("Undo what was just done").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("a")  # in a dialog, letters lead nowhere
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert page.url.endswith("/today/")
    assert watched.faults == []


def press(watched: Watched, selector: str, said: str) -> None:
    """Reach a button by Tab, press it, and read what the page then says."""
    tab_to(watched, selector)
    watched.page.keyboard.press("Enter")
    watched.page.get_by_text(said).first.wait_for()


def test_a_talk_a_promise_and_a_milestone_are_kept_with_the_keyboard_alone(made: Company, watching: Watching) -> None:
    watched = watching("R")
    page, account = watched.page, made.accounts["own"].pk
    assert watched.open(f"/accounts/{account}/") == []
    tab_to(watched, f"a[href='/accounts/{account}/conversations/new/']")
    enter(watched)
    tab_to(watched, "textarea[name=text]")
    page.keyboard.type("Where is our invoice?")
    tab_to(watched, "input[name=waits]")
    page.keyboard.press("Space")
    press(watched, "button[value=chat]", "Taken in. They wait for our word now.")
    talk = Conversation.objects.system("test").get(channel="chat")
    tab_to(watched, f"a[href='/conversations/{talk.pk}/']")
    enter(watched)
    tab_to(watched, "textarea[name=text]")
    page.keyboard.type("It is on its way.")
    press(watched, "button[value=us]", "Kept.")
    talk.refresh_from_db()
    assert (talk.state, talk.responder) == ("waiting", made.users["R"])

    assert watched.open(f"/accounts/{account}/") == []
    tab_to(watched, f"a[href='/accounts/{account}/promises/new/']")
    page.keyboard.press("Enter")
    page.locator(".in-place [name=text]:focus").wait_for()  # the form takes the focus
    page.keyboard.type("A new invoice by Friday")
    press(watched, "#new-promise button[type=submit]", "Noted. It comes back to you when it is due.")
    # The page is whole again, and the focus is on the link that opened the form.
    assert page.evaluate("document.activeElement.getAttribute('href')") == f"/accounts/{account}/promises/new/"
    promise = Promise.objects.system("test").get(text="A new invoice by Friday")
    assert watched.open(f"/accounts/{account}/promises/") == []
    press(watched, f"form[action='/promises/{promise.pk}/keep/'] button", "Kept: A new invoice by Friday")

    kickoff = made.rows["milestone"]["own"][1]
    assert watched.open(f"/accounts/{account}/onboarding/") == []
    reached = f"form[action='/accounts/{account}/milestones/{kickoff}/'] button"
    press(watched, reached, "Reached: Kickoff")
    promise.refresh_from_db()
    assert (
        promise.state == "kept"
        and MilestoneReach.objects.system("test").filter(account=account, milestone=kickoff).exists()
    )
    assert watched.faults == []


def test_a_scorecard_is_weighed_anew_and_published_with_the_keyboard_alone(made: Company, watching: Watching) -> None:
    held = ScorecardVersion.objects.get(pk=made.rows["scorecard version"][""])
    draft = start_draft(held, at=NOW, by=made.users["O"])
    first = ScorecardMeasure.objects.filter(version=draft).order_by("position")[0]
    watched = watching("O")
    page, here = watched.page, f"/settings/scorecards/{draft.scorecard_id}/draft/"
    assert watched.open("/settings/scorecards/") == []
    tab_to(watched, f"a[href='{here}']")
    enter(watched)
    tab_to(watched, f"input[name=m{first.pk}-weight]")
    page.keyboard.press("Control+A")
    with page.expect_response("**/preview/"):
        page.keyboard.type("7")
    # What is beside it follows, and who types is not disturbed.
    page.locator(f"input[name=m{first.pk}-weight]:focus").wait_for()
    tab_to(watched, "button[value=review]", key="Shift+Tab")
    enter(watched)
    assert page.url.endswith(f"{here}review/")
    tab_to(watched, f"form[action='{here}publish/'] button")
    enter(watched)
    draft.refresh_from_db()
    first.refresh_from_db()
    assert draft.state == "published"
    assert first.weight == 7
    assert watched.faults == []
