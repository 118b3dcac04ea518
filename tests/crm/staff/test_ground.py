"""Settings, visibility and heartbeat come from one query a request, and hold without any row."""

import pytest
from django.db import connection

from crm.accounts.models import Account
from crm.fills.models import Beat
from crm.lib.scope import ScopeRequired, named_text
from crm.staff.models import User
from crm.staff.queries import compiled_per_scope, ground_of, scope_of
from tests import factories

pytestmark = pytest.mark.django_db


def test_settings_visibility_and_heartbeat_take_one_query(django_assert_num_queries):
    factories.installation(visibility="own", currency="KRW")
    Beat.objects.create(name="jobs", at=factories.NOW)
    Beat.objects.create(name="long_work", at=factories.NOW.replace(year=2020))
    rep = factories.user("rep", team=factories.team())
    with django_assert_num_queries(1):
        ground = ground_of(rep)
        assert scope_of(rep).team_id is None
    assert (ground.installation.currency, ground.beat_at) == ("KRW", factories.NOW)


def test_without_any_row_the_defaults_hold():
    rep = factories.user("rep", team=factories.team())
    ground = ground_of(rep)
    assert (ground.installation.currency, ground.installation.is_demo, ground.beat_at) == ("EUR", False, None)
    assert scope_of(rep).team_id == rep.team_id


def test_a_statement_is_put_into_another_only_with_a_scope():
    with pytest.raises(ScopeRequired):
        named_text(Account.objects.values("pk"))
    text, values = named_text(Account.objects.system("test").filter(name="100 % wool").values("pk"), "of")
    assert text.endswith('"crm_account"."name" = %(of0)s')
    assert values == {"of0": "100 % wool"}


def test_a_scope_is_compiled_once_for_each_person_and_anew_when_a_right_changes():
    compiled = []

    @compiled_per_scope
    def names(user):
        compiled.append(user.name)
        return named_text(Account.objects.visible_to(user).values("name"))

    def seen(user):
        """As another request: the same row, without what it has worked out."""
        text, values = names(User.objects.get(pk=user.pk))
        with connection.cursor() as cursor:
            cursor.execute(text, values)
            return sorted(row[0] for row in cursor.fetchall())

    north, south = factories.team("North"), factories.team("South")
    mina, tom = factories.user("rep", name="Mina", team=north), factories.user("rep", name="Tom", team=south)
    factories.account("Nordwind", owner=mina)
    factories.account("Sued", owner=tom)
    assert [seen(user) for user in (mina, tom, mina, tom)] == [["Nordwind"], ["Sued"], ["Nordwind"], ["Sued"]]
    assert compiled == ["Mina", "Tom"]
    User.objects.filter(pk=mina.pk).update(team=south)
    assert seen(mina) == ["Nordwind", "Sued"]
    factories.installation(visibility="own")
    assert [seen(user) for user in (mina, tom)] == [["Nordwind"], ["Sued"]]
    User.objects.filter(pk=mina.pk).update(role="ops_admin")
    assert seen(mina) == ["Nordwind", "Sued"]
    assert compiled == ["Mina", "Tom", "Mina", "Mina", "Tom", "Mina"]


def test_what_a_caller_adds_to_the_parameters_stays_with_the_caller():
    @compiled_per_scope
    def ids(user):
        return named_text(Account.objects.visible_to(user).values("pk"))

    rep = factories.user("rep")
    _text, values = ids(rep)
    values["day"] = 1
    assert "day" not in ids(rep)[1]
