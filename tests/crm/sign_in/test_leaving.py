"""Somebody who leaves loses everything in one transaction."""

import pytest
import time_machine
from django.test import Client

from crm.attention.models import Reservation
from crm.outbox.models import OutboundMail
from crm.sign_in import actions as sign_in
from crm.sign_in.models import OneTimeLink
from crm.staff import actions
from crm.staff.models import User
from retention.follow_ups.actions import approve
from retention.follow_ups.models import FollowUp
from retention.follow_ups.rules import fingerprint
from tests.company import NOW, company
from tests.factories import user

pytestmark = pytest.mark.django_db


@pytest.fixture
def made():
    with time_machine.travel(NOW, tick=False):
        yield company()


def approved(made, whose):
    rep = made.accounts[whose].owner
    row = FollowUp.objects.system("test").get(pk=made.rows["draft"][whose])
    mail = approve(row, displayed=fingerprint(row.subject, row.body), at=NOW, by=rep)
    return rep, row, mail


def test_mails_that_wait_come_back_as_drafts_and_those_of_others_go_on(made):
    rep, row, mail = approved(made, "own")
    _colleague, others, _mail = approved(made, "team")
    actions.change_user(rep, is_active=False, at=NOW, by=made.users["S"])
    mail.refresh_from_db()
    row.refresh_from_db()
    others.refresh_from_db()
    assert (mail.state, mail.reason) == ("returned", "signer_left")
    assert "no longer with us" in row.state_why
    assert (row.state, row.mail, row.revision) == ("draft", None, 2)
    assert others.state == "approved"
    waiting = OutboundMail.objects.system("test").filter(signer=rep, state__in=["approved", "claimed"])
    assert not waiting.exists()
    assert Reservation.objects.system("test").get(pk=mail.reservation_id).state == "released"


def test_a_mail_that_was_handed_over_keeps_its_end(made):
    _rep, _row, mail = approved(made, "own")
    OutboundMail.objects.system("test").filter(pk=mail.pk).update(state="unconfirmed", handoff_at=NOW)
    actions.change_user(made.users["R"], is_active=False, at=NOW, by=made.users["S"])
    mail.refresh_from_db()
    assert mail.state == "unconfirmed"


def test_links_and_invitations_end_too(made):
    admin, leaver = made.users["S"], user("system_admin")
    sign_in.new_password_link(leaver, at=NOW, by=admin)
    sign_in.invite_user(email="x@ours.example", name="X", role="rep", team=None, language="en", at=NOW, by=leaver)
    kept = OneTimeLink.objects.unsettled().exclude(user=leaver).exclude(made_by=leaver).count()
    actions.change_user(leaver, is_active=False, at=NOW, by=admin)
    assert OneTimeLink.objects.unsettled().count() == kept


def test_all_of_it_or_nothing(made, monkeypatch):
    rep, row, _mail = approved(made, "own")
    theirs = Client()
    theirs.force_login(rep)

    def fails(*args, **more):
        raise RuntimeError("the last of them")

    monkeypatch.setattr(actions, "leaving", [*actions.leaving, fails])
    with pytest.raises(RuntimeError):
        actions.change_user(rep, is_active=False, at=NOW, by=made.users["S"])
    row.refresh_from_db()
    assert row.state == "approved"
    assert User.objects.get(pk=rep.pk).is_active
    assert theirs.get("/plans/").status_code == 200
