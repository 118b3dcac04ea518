"""Changing our own people."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from crm.audit.models import AuditRow
from crm.audit.rules import System
from crm.staff import actions
from crm.staff.models import User
from tests.factories import NOW, team, user

pytestmark = pytest.mark.django_db


def test_only_a_system_admin_changes_users(ops):
    with pytest.raises(PermissionDenied):
        actions.change_user(user(), role="system_admin", at=NOW, by=ops)
    with pytest.raises(PermissionDenied):
        actions.change_team(team(), name="New", at=NOW, by=ops)


def test_a_deactivated_person_is_out_with_the_next_request(client):
    person = user("rep")
    client.force_login(person)
    assert client.get("/plans/").status_code == 200
    actions.change_user(person, is_active=False, at=NOW, by=user("system_admin"))
    assert client.get("/plans/")["Location"].startswith("/login/")
    said = AuditRow.objects.get(action="user.changed")
    assert (said.before, said.after) == ({"is_active": True}, {"is_active": False})


def test_a_new_password_ends_the_sessions_and_is_not_in_the_record(client):
    person = user("rep")
    client.force_login(person)
    actions.change_user(person, password="another good one", at=NOW, by=user("system_admin"))
    assert client.get("/plans/").status_code == 302
    assert User.objects.get(pk=person.pk).check_password("another good one")
    assert AuditRow.objects.get().after == {"password": "changed"}


def test_nobody_takes_the_own_rights_away():
    admin = user("system_admin")
    for change in ({"role": "rep"}, {"is_active": False}):
        with pytest.raises(ValidationError):
            actions.change_user(admin, at=NOW, by=admin, **change)


def test_addresses_and_team_names_are_taken_once():
    by = System("test")
    first = user(email="one@ours.example")
    with pytest.raises(ValidationError) as refused:
        actions.create_user(email="ONE@ours.example", name="Two", role="rep", password="a good password", at=NOW, by=by)
    assert list(refused.value.message_dict) == ["email"]
    with pytest.raises(ValidationError):
        actions.change_user(user(), email=first.email.upper(), at=NOW, by=by)
    actions.create_team(name="North", at=NOW, by=by)
    with pytest.raises(ValidationError):
        actions.create_team(name="North", at=NOW, by=by)
