"""One-time links: reading changes nothing, one POST uses them up, and they end in time."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.lib.mailer import FileTransport
from crm.sign_in import actions, queries
from crm.sign_in.models import OneTimeLink
from crm.staff.models import User
from tests.factories import NOW, authenticator_app, code_at, installation, team, user

pytestmark = pytest.mark.django_db
BY = System("test")
NEW = "an even better password"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def path_of(link):
    return queries.url_of(link).removeprefix("http://localhost:8000")


def invited(by=None, **more):
    given = {"email": "nia@ours.example", "name": "Nia Obi", "role": "rep", "team": None, "language": "en"}
    return actions.invite_user(**given | more, at=NOW, by=by or user("system_admin"))


def mails(folder):
    return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(folder.glob("*.eml"))]


class TestFirstAdmin:
    def make(self, client, link, **more):
        form = {"name": "Ada", "email": "ada@ours.example", "language": "ko", "password": NEW}
        return client.post(path_of(link), form | more)

    def test_the_link_makes_the_first_admin_once_and_leads_to_the_second_step(self, client):
        with time_machine.travel(NOW, tick=False):
            link = actions.first_admin_link(at=NOW, by=BY)
            page = client.get(path_of(link))
            assert page.status_code == 200
            assert (page["Cache-Control"], page["X-Robots-Tag"]) == ("no-store", "noindex, nofollow")
            assert self.make(client, link, password="short").status_code == 200
            assert not User.objects.exists()
            assert self.make(client, link)["Location"] == "/"
            ada = User.objects.get()
            assert (ada.role, ada.email, ada.language) == ("system_admin", "ada@ours.example", "ko")
            assert client.get("/plans/")["Location"] == "/me/security/"
            assert self.make(Client(), link).status_code == 404
            assert Client().get(path_of(link)).status_code == 404
            assert actions.first_admin_link(at=NOW, by=BY) is None
        assert "user.created" in AuditRow.objects.values_list("action", flat=True)

    def test_a_new_start_voids_the_link_before_and_none_outlives_a_day(self, client):
        first, second = (actions.first_admin_link(at=NOW, by=BY) for _each in range(2))
        with time_machine.travel(NOW + 23 * HOUR, tick=False):
            assert client.get(path_of(first)).status_code == 404
            assert client.get(path_of(second)).status_code == 200
        with time_machine.travel(NOW + 24 * HOUR, tick=False):
            assert client.get(path_of(second)).status_code == 404
            assert self.make(client, second).status_code == 404

    def test_an_admin_who_came_another_way_voids_it(self):
        link = actions.first_admin_link(at=NOW, by=BY)
        assert link is not None
        user("system_admin")
        with time_machine.travel(NOW, tick=False):
            assert self.make(Client(), link).status_code == 404
        with pytest.raises(ValidationError):
            actions.make_first_admin(link, name="B", email="b@ours.example", password=NEW, language="en", at=NOW)

    def test_the_command_prints_it_while_there_is_no_admin(self, capsys):
        call_command("first_admin")
        printed = capsys.readouterr().out
        assert "(works once, for 24 hours): http://localhost:8000/login/first-admin/" in printed
        user("system_admin")
        with pytest.raises(CommandError):
            call_command("first_admin")


class TestInvitation:
    def test_an_invited_person_gets_a_mail_chooses_a_password_and_is_in(self, client, tmp_path):
        installation(company_name="Fleetline")
        admin, north = user("system_admin", name="Arun Mehta"), team("North")
        link = invited(by=admin, team=north, language="ko")
        assert actions.send_links(clock=lambda: NOW, transport=FileTransport(tmp_path)) == 1
        assert actions.send_links(clock=lambda: NOW + HOUR, transport=FileTransport(tmp_path)) == 0
        (mail,) = mails(tmp_path)
        assert (mail["To"], mail["From"]) == ("Nia Obi <nia@ours.example>", "Holdfast <holdfast@localhost>")
        assert queries.url_of(link) in mail.get_content()
        assert "Fleetline" in mail.get_content()
        assert link.pk.hex not in mail["Message-ID"]
        with time_machine.travel(NOW + 6 * DAY, tick=False):
            assert client.get(path_of(link)).status_code == 200
            assert not User.objects.filter(email="nia@ours.example").exists()
            assert client.post(path_of(link), {"password": NEW})["Location"] == "/"
            nia = User.objects.get(email="nia@ours.example")
            assert (nia.name, nia.role, nia.team, nia.language) == ("Nia Obi", "rep", north, "ko")
            assert client.get("/plans/").status_code == 200
            assert Client().post(path_of(link), {"password": NEW}).status_code == 404

    def test_it_ends_after_seven_days_and_when_withdrawn_or_sent_again(self, client):
        admin = user("system_admin")
        link = invited(by=admin)
        with time_machine.travel(NOW + 7 * DAY, tick=False):
            assert client.get(path_of(link)).status_code == 404
        again = actions.resend_invitation(link, at=NOW, by=admin)
        with time_machine.travel(NOW + DAY, tick=False):
            assert client.get(path_of(link)).status_code == 404
            assert client.get(path_of(again)).status_code == 200
            actions.cancel_invitation(again, at=NOW, by=admin)
            assert client.post(path_of(again), {"password": NEW}).status_code == 404
        with pytest.raises(ValidationError):
            actions.cancel_invitation(again, at=NOW, by=admin)

    def test_an_address_is_invited_once_and_only_when_it_is_free(self):
        invited()
        with pytest.raises(ValidationError) as twice:
            invited(email="NIA@ours.example")
        assert list(twice.value.message_dict) == ["email"]
        taken = user(email="mina@ours.example")
        with pytest.raises(ValidationError):
            invited(email=taken.email.upper())
        with pytest.raises(PermissionDenied):
            invited(email="else@ours.example", by=user("ops_admin"))

    def test_an_address_that_was_taken_meanwhile_is_said_and_the_link_stays(self, client):
        link = invited()
        user(email="Nia@ours.example")
        with time_machine.travel(NOW, tick=False):
            page = client.post(path_of(link), {"password": NEW})
        assert "Somebody else signs in with this address" in str(page.context["form"].errors)
        assert OneTimeLink.objects.usable(NOW).filter(pk=link.pk).exists()

    def test_a_mail_server_that_is_away_is_tried_five_times_and_then_shown(self, client, tmp_path):
        admin = user("system_admin")
        invited(by=admin)
        blocked = tmp_path / "file"
        blocked.write_text("no folder")
        times = [NOW + timedelta(hours=n) for n in range(7)]
        for at in times:
            with time_machine.travel(at, tick=False):
                assert actions.send_links(clock=lambda: datetime.now(UTC), transport=FileTransport(blocked)) == 0
        link = OneTimeLink.objects.get()
        assert (link.mail_attempts, link.mail_failed) == (5, True)
        client.force_login(admin)
        with time_machine.travel(NOW, tick=False):
            assert "the mail could not be sent" in client.get("/settings/people/").content.decode()


class TestPassword:
    def test_whoever_forgot_it_gets_a_link_and_the_answer_is_the_same_for_strangers(self, client, tmp_path):
        with time_machine.travel(NOW, tick=False):
            mina = user(name="Mina Kwon")
            pages = [
                client.post("/login/forgotten/", {"email": email}).content.decode().replace(email, "")
                for email in (mina.email.upper(), "nobody@ours.example")
            ]
            assert pages[0] == pages[1]
            link = OneTimeLink.objects.get()
            actions.send_links(clock=lambda: NOW, transport=FileTransport(tmp_path))
            (mail,) = mails(tmp_path)
            assert queries.url_of(link) in mail.get_content()
            old = Client()
            old.force_login(mina)
            assert client.get(path_of(link)).status_code == 200
            assert client.post(path_of(link), {"password": NEW})["Location"] == "/"
            assert client.get("/plans/").status_code == 200
            assert old.get("/plans/")["Location"].startswith("/login/")
            assert Client().post(path_of(link), {"password": "and one more password"}).status_code == 404
        mina.refresh_from_db()
        assert mina.check_password(NEW)

    def test_it_does_not_go_round_the_second_step(self, client):
        with time_machine.travel(NOW, tick=False):
            mina = user()
            authenticator_app(mina)
            link = actions.new_password_link(mina, at=NOW, by=user("system_admin"))
            assert client.post(path_of(link), {"password": NEW})["Location"] == "/login/second-step/"
            assert client.get("/plans/")["Location"].startswith("/login/")
            assert client.post("/login/second-step/", {"code": code_at(NOW)})["Location"] == "/"

    def test_it_ends_after_an_hour_and_for_whoever_is_deactivated(self, client):
        mina = user()
        link = actions.ask_for_password(mina, at=NOW, by=BY)
        with time_machine.travel(NOW + HOUR, tick=False):
            assert client.get(path_of(link)).status_code == 404
        with time_machine.travel(NOW, tick=False):
            User.objects.filter(pk=mina.pk).update(is_active=False)
            page = client.post(path_of(link), {"password": NEW})
        assert "Ask for a new one" in str(page.context["form"].errors)

    def test_three_mails_in_a_quarter_of_an_hour_are_enough(self, client):
        with time_machine.travel(NOW, tick=False):
            mina = user()
            for _each in range(6):
                assert client.post("/login/forgotten/", {"email": mina.email}).status_code == 200
        assert OneTimeLink.objects.count() == 3

    def test_a_link_of_one_purpose_opens_nothing_of_another(self, client):
        link = invited()
        token = queries.token_of(link)
        with time_machine.travel(NOW, tick=False):
            for page in ("password", "first-admin"):
                assert client.post(f"/login/{page}/{token}/", {"password": NEW}).status_code == 404
            for forged in (link.pk.hex, f"{link.pk.hex}:abc", token[:-1] + ("A" if token[-1] != "A" else "B")):
                assert client.get(f"/login/invitation/{forged}/").status_code == 404

    def test_what_is_over_is_forgotten_after_a_month(self):
        actions.ask_for_password(user(), at=NOW, by=BY)
        actions.tidy(at=NOW + 30 * DAY)
        assert OneTimeLink.objects.count() == 1
        actions.tidy(at=NOW + 30 * DAY + HOUR)
        assert OneTimeLink.objects.count() == 0
