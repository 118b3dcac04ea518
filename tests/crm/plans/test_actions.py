"""Plans and features are configuration."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from crm.audit.models import AuditRow
from crm.plans import actions
from crm.plans.models import Feature
from tests.factories import NOW, feature, plan, user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ["rep", "manager", "read_only", "system_admin"])
def test_only_ops_configures(role):
    by = user(role)
    for write in (
        lambda: actions.create_feature(key="k", name="K", at=NOW, by=by),
        lambda: actions.change_feature(feature(), name="K", at=NOW, by=by),
        lambda: actions.create_plan(external_id="p", name="P", at=NOW, by=by),
        lambda: actions.change_plan(plan(), name="P", at=NOW, by=by),
    ):
        with pytest.raises(PermissionDenied):
            write()


def test_taken_keys_and_ids_are_errors_at_their_field(ops):
    feature("reports")
    plan(external_id="pro")
    with pytest.raises(ValidationError) as refused:
        actions.create_feature(key="reports", name="R", at=NOW, by=ops)
    assert list(refused.value.message_dict) == ["key"]
    with pytest.raises(ValidationError) as refused:
        actions.create_plan(external_id="pro", name="P", at=NOW, by=ops)
    assert list(refused.value.message_dict) == ["external_id"]


def test_a_threshold_below_one_is_refused(ops):
    with pytest.raises(ValidationError) as refused:
        actions.create_feature(key="k", name="K", threshold=-1, at=NOW, by=ops)
    assert list(refused.value.message_dict) == ["threshold"]
    with pytest.raises(ValidationError) as refused:
        actions.change_feature(feature(), threshold=0, at=NOW, by=ops)
    assert list(refused.value.message_dict) == ["threshold"]


def test_a_plans_features_are_recorded_by_key_before_and_after(ops):
    one, two = feature("one"), feature("two")
    row = actions.create_plan(external_id="p", name="P", features=[one], at=NOW, by=ops)
    actions.change_plan(row, features=[one, two], at=NOW, by=ops)
    actions.change_plan(row, features=[two, one], name="P", at=NOW, by=ops)
    said = AuditRow.objects.get(action="plan.changed")
    assert (said.before, said.after) == ({"features": ["one"]}, {"features": ["one", "two"]})
    assert list(row.features.order_by("key")) == list(Feature.objects.order_by("key"))
