"""The second step: who needs it, how it is set up, and that codes cannot be guessed either."""

import runpy
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from crm.audit.models import AuditRow
from crm.staff import actions
from tests.architecture.asking import address, visits
from tests.architecture.matrix import URLS
from tests.company import NOW as THEN
from tests.company import company
from tests.factories import NOW, SECRET, code_at, installation, user

pytestmark = pytest.mark.django_db


def log_in(of, client=None):
    client = client or Client()
    return client, client.post("/login/", {"login": of.email, "password": "a good password"})


def said(*actions):
    return list(AuditRow.objects.filter(action__in=actions).order_by("id").values_list("action", "after"))


@time_machine.travel(THEN, tick=False)
def test_an_admin_without_a_second_factor_is_sent_to_set_one_up_from_everywhere():
    made = company()
    Authenticator.objects.filter(user=made.users["S"]).delete()
    client = Client()
    client.force_login(made.users["S"])
    open_to_them = {"mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "account_reauthenticate", "account_logout"}
    open_to_them |= {"mfa_view_recovery_codes", "set-preferences"}
    for line in URLS:
        if line.name not in open_to_them:
            url = address(made, line, visits(made, line)[0])
            for method in (client.get, client.post):
                assert method(url).get("Location") == "/me/security/", line.name
    for page in ("/admin/", "/admin/crm/account/", "/settings/people/"):
        assert client.get(page)["Location"] == "/me/security/"
    assert client.get("/me/security/").status_code == 200


@pytest.mark.parametrize(("role", "page"), [("system_admin", 302), ("ops_admin", 302), ("manager", 200), ("rep", 200)])
def test_the_two_admin_roles_need_it_and_the_demo_does_not(client, role, page):
    client.force_login(user(role, second_factor=False))
    assert client.get("/plans/").status_code == page
    installation(is_demo=True)
    assert client.get("/plans/").status_code == 200
    installation(is_demo=False)
    assert client.get("/plans/").status_code == page


def test_an_app_is_set_up_right_after_the_login_and_then_asked_for():
    with time_machine.travel(NOW, tick=False) as clock:
        ops = user("ops_admin", second_factor=False)
        client, answer = log_in(ops)
        assert client.get(answer["Location"])["Location"] == "/me/security/"
        page = client.get("/me/security/app/")
        secret = client.session["mfa.totp.secret"]
        assert secret in page.content.decode()
        assert "data:image/svg+xml;base64," in page.content.decode()
        assert client.post("/me/security/app/", {"code": "000000"}).status_code == 200
        assert not Authenticator.objects.exists()
        from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

        code = format_hotp_value(hotp_value(secret, int(NOW.timestamp()) // 30))
        assert client.post("/me/security/app/", {"code": code})["Location"] == "/me/security/codes/"
        stored = Authenticator.objects.get(type="totp").data["secret"]
        assert secret not in stored
        codes = client.get("/me/security/codes/").context["codes"]
        assert len(set(codes)) == 10
        assert client.get("/plans/").status_code == 200
        assert said("user.second_factor_added") == [("user.second_factor_added", {"kind": "totp"})]

        clock.shift(timedelta(minutes=1))
        client, answer = log_in(ops)
        assert answer["Location"] == "/login/second-step/"
        assert client.get("/plans/")["Location"].startswith("/login/")
        now = format_hotp_value(hotp_value(secret, int(NOW.timestamp()) // 30 + 2))
        assert client.post("/login/second-step/", {"code": now})["Location"] == "/"
        assert client.get("/plans/").status_code == 200
        # The same code opens nothing a second time; a recovery code does, once.
        client, _answer = log_in(ops)
        assert client.post("/login/second-step/", {"code": now}).status_code == 200
        assert client.post("/login/second-step/", {"code": codes[0]})["Location"] == "/"
        client, _answer = log_in(ops)
        assert client.post("/login/second-step/", {"code": codes[0]}).status_code == 200
    # Nothing of allauth's own addresses came into being: a user has one, and it stands in our table.
    assert not EmailAddress.objects.exists()


def test_ten_wrong_codes_are_looked_at_and_then_no_right_one():
    with time_machine.travel(NOW, tick=False):
        ops = user("ops_admin")
        client, _answer = log_in(ops)
        for n in range(10):
            page = client.post("/login/second-step/", {"code": f"{n:06}"})
            assert "not right" in str(page.context["form"].errors)
        # Wherever it comes from: a fresh login has no fresh tries.
        other, _answer = log_in(ops)
        page = other.post("/login/second-step/", {"code": code_at(NOW)})
        assert "Wait 15 minutes" in str(page.context["form"].errors)
        assert len(said("user.login_failed")) == 11
    with time_machine.travel(NOW + timedelta(minutes=15, seconds=1), tick=False):
        client, _answer = log_in(ops)
        at = NOW + timedelta(minutes=15)
        assert client.post("/login/second-step/", {"code": code_at(at)})["Location"] == "/"


def test_changing_a_second_factor_asks_for_the_password_unless_it_was_just_given():
    with time_machine.travel(NOW, tick=False) as clock:
        ops = user("ops_admin")
        client, _answer = log_in(ops)
        client.post("/login/second-step/", {"code": code_at(NOW)})
        assert client.get("/me/security/app/remove/").status_code == 200
        clock.shift(timedelta(minutes=6))
        answer = client.get("/me/security/app/remove/")
        assert answer["Location"].startswith(reverse("account_reauthenticate"))
        assert client.post(answer["Location"], {"password": "wrong"}).status_code == 200
        assert client.post(answer["Location"], {"password": "a good password"}).status_code == 302
        assert client.post("/me/security/app/remove/")["Location"] == "/me/security/"
        assert not Authenticator.objects.exists()
        assert said("user.second_factor_removed") == [("user.second_factor_removed", {"kind": "totp"})]
        assert client.get("/plans/")["Location"] == "/me/security/"


def test_an_admin_helps_whoever_lost_the_phone(client):
    admin, ops = user("system_admin"), user("ops_admin")
    theirs = Client()
    theirs.force_login(ops)
    client.force_login(admin)
    client.post(f"/settings/people/{ops.pk}/second-factor/")
    assert not Authenticator.objects.filter(user=ops).exists()
    assert theirs.get("/plans/")["Location"].startswith("/login/")


def test_half_a_login_is_no_login_and_can_be_left():
    ops = user("ops_admin")
    client, _answer = log_in(ops)
    assert client.get("/login/")["Location"] == "/login/second-step/"
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/login/").status_code == 200
    assert client.get("/login/second-step/")["Location"] == "/login/"


def test_whoever_is_deactivated_between_the_two_steps_stays_out():
    with time_machine.travel(NOW, tick=False):
        ops = user("ops_admin")
        client, _answer = log_in(ops)
        actions.change_user(ops, is_active=False, at=NOW, by=user("system_admin"))
        assert client.post("/login/second-step/", {"code": code_at(NOW)})["Location"] == "/login/"
        assert client.get("/plans/")["Location"].startswith("/login/")
        assert said("user.logged_in") == []


def test_the_secret_of_the_tests_is_a_real_one():
    assert code_at(NOW) != code_at(NOW + timedelta(seconds=30))
    assert len(SECRET) == 16


@pytest.mark.parametrize(
    ("site", "plain_http_is_allowed"),
    [
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", True),
        ("http://crm.example.com", False),
        ("https://localhost", False),
        ("http://localhost.example.com", False),
    ],
)
def test_passkeys_over_plain_http_work_on_loopback_alone(monkeypatch, site, plain_http_is_allowed):
    monkeypatch.setenv("SITE_URL", site)
    found = runpy.run_path("crm/settings.py")
    assert found["MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN"] is plain_http_is_allowed
