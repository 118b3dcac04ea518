"""One's own sessions, and what ends them."""

from datetime import timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm.audit.models import AuditRow
from crm.sign_in import queries
from crm.sign_in.actions import tidy
from crm.staff import actions
from tests.factories import NOW, user

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
OLD, NEW = "a good password", "an even better password"


def signed_in(of, agent=FIREFOX, **more):
    client = Client(headers={"User-Agent": agent}, **more)
    client.post("/login/", {"login": of.email, "password": OLD})
    return client


def lives(client):
    return client.get("/plans/").status_code == 200


def listed(client):
    return [
        (each.browser, each.system, each.ip, each.is_this) for each in client.get("/me/security/").context["sessions"]
    ]


def test_every_login_is_listed_with_its_browser_and_place():
    with time_machine.travel(NOW, tick=False) as clock:
        mina = user()
        here, there = signed_in(mina), signed_in(mina, CHROME, REMOTE_ADDR="192.0.2.7")
        signed_in(user())
        assert listed(here) == [("Firefox", "Linux", "127.0.0.1", True), ("Chrome", "Windows", "192.0.2.7", False)]
        clock.shift(timedelta(minutes=6))
        there.get("/plans/")
        seen = {each.browser: each.seen_at - NOW for each in here.get("/me/security/").context["sessions"]}
        assert seen == {"Firefox": timedelta(minutes=6), "Chrome": timedelta(minutes=6)}
        noted = AuditRow.objects.filter(action="user.logged_in").order_by("id").values_list("after", flat=True)
        assert [after["ip"] for after in noted] == ["127.0.0.1", "192.0.2.7", "127.0.0.1"]


def test_the_forwarded_address_counts_only_behind_as_many_proxies_as_we_have(settings):
    with time_machine.travel(NOW, tick=False):
        mina = user()
        headers = {"HTTP_X_FORWARDED_FOR": "203.0.113.9, 198.51.100.4", "REMOTE_ADDR": "10.0.0.1"}
        assert listed(signed_in(mina, **headers))[0][2] == "10.0.0.1"
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
        assert listed(signed_in(mina, **headers))[0][2] == "198.51.100.4"
        headers["HTTP_X_FORWARDED_FOR"] = "<script>"
        assert listed(signed_in(mina, **headers))[0][2] == "0.0.0.0"


def test_one_session_is_ended_or_all_others():
    with time_machine.travel(NOW, tick=False):
        mina, jan = user(), user()
        here, there, elsewhere = (signed_in(mina) for _each in range(3))
        jans = signed_in(jan)
        there_pk = UserSession.objects.get(session_key=there.session.session_key).pk
        jans.post("/me/security/sessions/", {"session": there_pk})
        assert lives(there)
        here.post("/me/security/sessions/", {"session": there_pk})
        assert (lives(here), lives(there), lives(elsewhere)) == (True, False, True)
        here.post("/me/security/sessions/", {"session": "others"})
        assert (lives(here), lives(elsewhere), lives(jans)) == (True, False, True)
        assert len(listed(here)) == 1
        assert AuditRow.objects.filter(action="user.sessions_ended").count() == 2


def test_a_new_password_of_ones_own_ends_the_other_sessions_and_keeps_this_one():
    with time_machine.travel(NOW, tick=False):
        mina = user()
        here, there = signed_in(mina), signed_in(mina)
        wrong = here.post("/me/security/password/", {"oldpassword": "no", "password1": NEW, "password2": NEW})
        assert list(wrong.context["form"].errors) == ["oldpassword"]
        answer = here.post("/me/security/password/", {"oldpassword": OLD, "password1": NEW, "password2": NEW})
        assert answer["Location"] == "/me/security/"
        assert (lives(here), lives(there)) == (True, False)
        assert len(listed(here)) == 1
        assert AuditRow.objects.filter(action="user.password_changed").count() == 1


@pytest.mark.parametrize("change", [{"role": "manager"}, {"is_active": False}, {"password": NEW}])
def test_another_role_a_deactivation_and_a_new_password_end_all_sessions(change):
    with time_machine.travel(NOW, tick=False):
        mina = user()
        # One that the list knows, and one that it does not.
        known, unknown = signed_in(mina), Client()
        unknown.force_login(mina)
        actions.change_user(mina, at=NOW, by=user("system_admin"), **change)
        assert (lives(known), lives(unknown)) == (False, False)
        assert not UserSession.objects.filter(user=mina).exists()
        if change == {"is_active": False}:
            actions.change_user(mina, is_active=True, at=NOW, by=user("system_admin"))
            assert (lives(known), lives(unknown)) == (False, False)


def test_another_name_ends_nothing():
    with time_machine.travel(NOW, tick=False):
        mina = user()
        here = signed_in(mina)
        actions.change_user(mina, name="Mina Park", at=NOW, by=user("system_admin"))
        assert lives(here)


def test_the_page_of_sessions_asks_as_much_for_three_as_for_one():
    with time_machine.travel(NOW, tick=False):
        mina = user()
        here = signed_in(mina)
        costs = []
        for _round in range(2):
            with CaptureQueriesContext(connection) as asked:
                here.get("/me/security/")
            costs.append(len(asked.captured_queries))
            signed_in(mina), signed_in(mina)
        assert costs[0] == costs[1] > 0


def test_sessions_past_their_time_are_not_listed_and_are_forgotten():
    with time_machine.travel(NOW, tick=False):
        mina = user()
        here, there = signed_in(mina), signed_in(mina)
        Session.objects.filter(session_key=there.session.session_key).update(expire_date=NOW - timedelta(hours=1))
        assert len(listed(here)) == 1
        tidy(at=NOW)
        assert UserSession.objects.filter(user=mina).count() == 1
        assert queries.sessions_of(mina, this="", at=NOW)[0].is_this is False


def test_what_the_role_forbids_is_on_record_without_the_words_that_were_asked_for(client):
    mina = user()
    client.force_login(mina)
    assert client.get("/settings/people/?q=secret").status_code == 403
    row = AuditRow.objects.get()
    assert (row.action, row.actor_id, row.object_id, row.after) == (
        "access.denied", str(mina.pk), "/settings/people/", {"method": "GET"},
    )  # fmt: skip
