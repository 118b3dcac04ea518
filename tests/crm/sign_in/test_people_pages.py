"""Settings → People, Teams and Installation, as a system admin uses them."""

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.sign_in.models import OneTimeLink
from crm.staff.models import Installation, Team, User
from tests.factories import NOW, installation, team, user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    row = user("system_admin", name="Arun Mehta")
    client.force_login(row)
    with time_machine.travel(NOW, tick=False):
        yield client


def test_a_person_is_invited_and_the_link_is_shown_this_once(admin):
    form = {"name": "Nia Obi", "email": "nia@ours.example", "role": "ops_admin", "language": "ko"}
    page = admin.post("/settings/people/invite/", form)
    url = page.context["url"]
    assert url in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    again = admin.post("/settings/people/invite/", form)
    assert list(again.context["form"].errors) == ["email"]
    listed = admin.get("/settings/people/").content.decode()
    assert "nia@ours.example" in listed
    assert url.split("/")[-2] not in listed
    link = OneTimeLink.objects.get()
    resent = admin.post(f"/settings/people/invitations/{link.pk.hex}/resend/").context["url"]
    assert resent != url
    open_ = OneTimeLink.objects.unsettled().get()
    admin.post(f"/settings/people/invitations/{open_.pk.hex}/cancel/")
    assert "nia@ours.example" not in admin.get("/settings/people/").content.decode()
    assert admin.post(f"/settings/people/invitations/{open_.pk.hex}/cancel/").status_code == 404


def test_a_person_is_changed_let_go_and_let_back_in(admin):
    north = team("North")
    mina = user("rep", name="Mina Kwon")
    form = {"name": "Mina Park", "email": mina.email, "role": "manager", "team": north.pk, "language": "ko"}
    assert (
        admin.post(f"/settings/people/{mina.pk}/", form | {"time_zone": "Asia/Seoul"})["Location"]
        == "/settings/people/"
    )
    mina.refresh_from_db()
    assert (mina.name, mina.role, mina.team, mina.time_zone) == ("Mina Park", "manager", north, "Asia/Seoul")
    admin.post(f"/settings/people/{mina.pk}/active/", {"active": "0"})
    assert not User.objects.get(pk=mina.pk).is_active
    assert "deactivated" in admin.get("/settings/people/").content.decode()
    admin.post(f"/settings/people/{mina.pk}/active/", {"active": "1"})
    assert User.objects.get(pk=mina.pk).is_active


def test_nobody_deactivates_or_demotes_themselves(admin):
    me = User.objects.get(role="system_admin")
    admin.post(f"/settings/people/{me.pk}/active/", {"active": "0"})
    assert User.objects.get(pk=me.pk).is_active
    form = {"name": me.name, "email": me.email, "role": "rep", "language": "en", "time_zone": "UTC"}
    page = admin.post(f"/settings/people/{me.pk}/", form)
    assert list(page.context["form"].errors) == ["role"]


def test_an_address_that_is_taken_is_said_at_the_field(admin):
    mina, jan = user(), user()
    form = {"name": "Jan", "email": mina.email.upper(), "role": "rep", "language": "en", "time_zone": "UTC"}
    assert list(admin.post(f"/settings/people/{jan.pk}/", form).context["form"].errors) == ["email"]


def test_teams_are_made_and_renamed_and_count_who_is_in(admin):
    admin.post("/settings/teams/", {"name": "North"})
    north = Team.objects.get()
    user(team=north)
    user(team=north)
    user(team=north, is_active=False)
    assert "2 people" in admin.get("/settings/teams/").content.decode()
    assert list(admin.post("/settings/teams/", {"name": "North"}).context["form"].errors) == ["name"]
    admin.post(f"/settings/teams/{north.pk}/", {"name": "Far north"})
    assert Team.objects.get().name == "Far north"


def test_who_sees_what_is_set_for_the_whole_installation(admin):
    installation(visibility="team")
    form = {
        "company_name": "Fleetline",
        "product_name": "Fleet",
        "visibility": "own",
        "currency": "KRW",
        "pulse_days": "90",
        "sending": "on",
    }
    assert admin.post("/settings/installation/", form)["Location"] == "/settings/"
    row = Installation.objects.get()
    assert (row.visibility, row.currency, row.company_name) == ("own", "KRW", "Fleetline")


def test_three_people_cost_as_many_queries_as_one(admin):
    def cost():
        with CaptureQueriesContext(connection) as asked:
            admin.get("/settings/people/")
            admin.get("/settings/teams/")
        return len(asked)

    invite = {"name": "Nia Obi", "role": "rep", "language": "ko"}
    admin.post("/settings/people/invite/", invite | {"email": "one@ours.example"})
    user(team=team())
    before = cost()
    for n in range(3):
        user("ops_admin", team=team())
        admin.post("/settings/people/invite/", invite | {"email": f"more{n}@ours.example"})
    assert cost() == before
