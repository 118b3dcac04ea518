"""Whatever parses as JSON is counted or refused: no request makes the drain itself fail."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from orjson import dumps

from tests import factories
from tests.crm.usage.calls import receive_bytes, run

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        [
            *("", " ", "\0", "a\u202eb", "\u0958" * 200, "x" * 300, "x" * 1200, "ann@acme.example", "2026-11-20", "0"),
            *("2026-11-20T10:00:00Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2026-W01", "1e5"),
            *(2**53, -(2**53), 1e308, 5e-324, -0.0, 1_795_168_800_000),
        ]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
traits = st.dictionaries(
    st.sampled_from(["name", "email", "plan", "seats", "firstName", "phone", "timezone", "language", "k" * 200, ""]),
    values,
    max_size=5,
)
ids = st.one_of(st.sampled_from(["ann", "bob", "acme", "device", 5]), values)
events = st.one_of(
    values,
    st.fixed_dictionaries(
        {"type": st.sampled_from(["track", "page", "screen", "identify", "group", "alias", "$refused"])},
        optional={
            "userId": ids,
            "anonymousId": ids,
            "groupId": ids,
            "previousId": ids,
            "messageId": values,
            "event": st.one_of(st.just("Opened"), values),
            "name": values,
            "timestamp": values,
            "originalTimestamp": values,
            "sentAt": values,
            "properties": st.one_of(traits, values),
            "traits": st.one_of(traits, values),
            "context": st.one_of(values, st.fixed_dictionaries({}, optional={"groupId": ids, "traits": traits})),
            "$refused": values,
        },
    ),
)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(events, max_size=8), max_size=3), values)
def test_no_request_makes_the_drain_fail(db, requests, sent):
    with transaction.atomic():
        app = factories.source()
        for some in requests:
            receive_bytes(app, dumps({"batch": some, "sentAt": sent}))
        done = run()
        transaction.set_rollback(True)
    assert (done.failed, done.batches) == (0, len(requests))
