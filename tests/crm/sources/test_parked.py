"""Batches that could not be counted stay visible with their error, and are tried again by a button."""

import pytest
from django.db import connection
from django.urls import reverse

from crm.audit.models import AuditRow
from crm.lib import partitions
from crm.sources.models import InboxBatch
from tests import factories
from tests.factories import NOW

PARKED = """
INSERT INTO crm_inbox_batch (received_on, received_at, source_id, call, body, events, attempts, parked_at, failed)
VALUES (%s, %s, %s, 'batch', '{}', 3, 5, %s, 'division by zero')
"""


@pytest.fixture
def source(db):
    source = factories.source("Web app")
    partitions.ensure_days("crm_inbox_batch", [NOW.date()])
    with connection.cursor() as cursor:
        cursor.execute(PARKED, [NOW.date(), NOW, source.pk, NOW])
    return source


def test_parked_batches_are_shown_with_their_error_and_tried_again(source, as_user):
    client = as_user(factories.user("system_admin"))
    assert "division by zero" in client.get(reverse("source", args=[source.pk])).content.decode()
    assert client.post(reverse("source-retry", args=[source.pk])).status_code == 302
    batch = InboxBatch.objects.get()
    assert (batch.parked_at, batch.attempts, batch.failed) == (None, 0, "")
    assert AuditRow.objects.get(action="batches.retried").after == {"batches": 1}


def test_an_ops_admin_sees_them_and_may_not_try_again(source, as_user, ops):
    client = as_user(ops)
    assert "Try them again" not in client.get(reverse("source", args=[source.pk])).content.decode()
    assert client.post(reverse("source-retry", args=[source.pk])).status_code == 403
