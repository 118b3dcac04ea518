"""Settings, visibility and heartbeat come from one query a request, and hold without any row."""

import pytest

from crm.accounts.models import Account
from crm.fills.models import Beat
from crm.lib.scope import ScopeRequired, named_text
from crm.staff.queries import ground_of, scope_of
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
