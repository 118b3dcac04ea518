"""A file through the door: read, tried, applied, taken back."""

from datetime import date

import pytest

from crm.accounts.models import Account
from crm.calendars.models import Calendar, CalendarDay
from tests import factories
from tests.crm.uploads.door import counts, digests, go, reasons, tried

pytestmark = pytest.mark.django_db


@pytest.fixture
def ops_client(as_user, ops):
    return as_user(ops)


def test_accounts_are_tried_applied_and_taken_back(ops_client) -> None:
    owner = factories.user(email="mina@ours.example", name="Mina")
    factories.account("Alpha", external_id="a", segment="Large", tags=["vip"])
    factories.account("Same", external_id="s")
    before = digests()
    text = """id,name,segment,tags,owner,trait:channel
a,Alpha & Co,Large,vip; new,mina@ours.example,web
s,Same,,,,
b,Beta,Small,,,direct
c,Gamma,,,nobody@ours.example,
"""
    made = tried(ops_client, "accounts", text)
    assert counts(made) == ("checked", 1, 1, 1, 1)
    assert digests() == before
    assert reasons(made) == [(5, "Nobody of ours who is active has the address nobody@ours.example.")]
    made = go(ops_client, made, "apply")
    assert counts(made) == ("applied", 1, 1, 1, 1)
    assert sorted(Account.objects.system("t").values_list("external_id", "name", "owner")) == [
        ("a", "Alpha & Co", owner.pk), ("b", "Beta", None), ("s", "Same", None),
    ]  # fmt: skip
    made = go(ops_client, made, "undo")
    assert (made.state, made.run.left) == ("undone", 0)
    assert digests() == before
    # Imported once more it is another run, which can be undone as well.
    first, made = made.run, go(ops_client, go(ops_client, made, "try"), "apply")
    assert (counts(made), made.run == first, made.run.created) == (("applied", 1, 1, 1, 1), False, 1)
    assert go(ops_client, made, "undo").run.left == 0 and digests() == before


def test_every_kind_is_taken_back_to_the_last_byte(ops_client) -> None:
    """Accounts, plans, contacts, subscriptions, totals and events in their order, then undone in the opposite one."""
    factories.feature("reports", name="Reports")
    held = factories.account("Alpha", external_id="a", customer_since=None)
    factories.contact(held, name="Lena", email="lena@a.example", external_id="p-1", role="user")
    plan = factories.plan(factories.feature("old"), external_id="pro", name="Pro")
    contacts = "account,id,name,email,role\na,p-1,Lena Vogt,l@a.example,champion\nb,,Otto,o@b.example,\n"
    lines = "account,plan,start,mrr,seats\na,pro,2026-01-01,100,5\nb,free,2026-02-01,0,\n"
    events = "account,user,at,event\n" + "a,u1,2026-11-20T09:00:00Z,login\n" * 2 + "b,u2,2026-11-20,login\n"
    promised = "account,promise,due,made,to,status\na,A report,2026-12-01,2026-11-02,lena@b.example,\n"
    paid = "account,subscription,status,date,amount\na,pro,failed,2026-11-03,100\na,pro,settled,2026-11-05,100\n"
    promised += "b,A call,2026-11-05,2026-11-02,,kept\n"
    tickets = "account,ticket_id,submitted_at,first_response_at,resolved_at,body,email\n"
    tickets += "a,T-1,2026-11-02T09:00:00Z,2026-11-02T11:00:00Z,2026-11-02T10:00:00Z,It broke.,l@a.example\n"
    tickets += "b,T-2,2026-11-20,,,,\n"
    set_by_hand = "account,band,why,date,until\na,At risk,They wrote so.,2026-11-02,2027-01-31\nb,,,2026-11-02,\n"
    days = "calendar,day,name,free\nDepot,2026-12-24,Half a day,no\n"
    days += "depot,2026-12-31,Stocktaking,\nDepot,2027-01-02,Bridge,yes\n"
    files = [
        ("accounts", "id,name\na,Alpha\nb,Beta\n", (1, 0, 1, 0)),
        ("plans", "id,name,features\npro,Professional,reports\nfree,Free,\n", (1, 1, 0, 0)),
        ("contacts", contacts, (1, 1, 0, 0)),
        ("subscriptions", lines, (2, 0, 0, 0)),
        ("totals", "account,month,feature,uses\na,2026-10,Reports,31\nb,2026-10,Exports,4\n", (2, 0, 0, 0)),
        ("events", events, (3, 0, 0, 0)),
        ("promises", promised, (2, 0, 0, 0)),
        ("conversations", tickets, (2, 0, 0, 0)),
        ("payments", paid, (2, 0, 0, 0)),
        ("goals", "account,goal,feature,target,due\na,One place,reports,200,2027-03-31\n", (1, 0, 0, 0)),
        ("pulses", "account,pulse,why,date\na,4,They plan daily.,2026-11-02\nb,1,Gone quiet.,\n", (2, 0, 0, 0)),
        ("overrides", set_by_hand, (2, 0, 0, 0)),
        ("not-needed", "account,feature,why,until\na,reports,By hand.,2027-01-31\nb,old,,\n", (2, 0, 0, 0)),
        ("calendar-days", days, (2, 1, 0, 0)),
        # Calls have a target for any plan from the first day on.
        ("response-targets", "plan,channel,minutes\npro,mail,60\n,call,30\n", (1, 1, 0, 0)),
    ]
    depot = Calendar.objects.create(name="Depot")
    CalendarDay.objects.create(calendar=depot, day=date(2026, 12, 24), name="Eve", own=True)
    before, steps = digests(), []
    for kind, text, expected in files:
        stood = digests()
        made = tried(ops_client, kind, text)
        assert (made.state, counts(made)[1:], digests()) == ("checked", expected, stood), (kind, made.problem)
        made = go(ops_client, made, "apply")
        assert counts(made) == ("applied", *expected), kind
        again = tried(ops_client, kind, text)
        assert counts(again)[1:] == (0, 0, sum(expected), 0), kind
        steps.append((made, stood))
    plan.refresh_from_db()
    assert plan.name == "Professional"
    for made, stood in reversed(steps):
        made = go(ops_client, made, "undo")
        assert (made.state, made.run.left, made.problem) == ("undone", 0, "")
        now = digests()
        assert {name for name in now if now[name] != stood[name]} == set(), made.kind
    assert digests() == before
