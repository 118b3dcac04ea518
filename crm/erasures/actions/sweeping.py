"""What takes long about an erasure: raw requests, refused events, files, and what the planner remembers."""

from datetime import datetime

from django.apps import apps
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Length

from crm.erasures import rules
from crm.erasures.models import Erasure
from crm.erasures.queries import batches
from crm.lib import personal
from crm.lib.personal import Apart, Subject
from crm.sources.models import InboxBatch, Reject
from crm.sources.rules import EXCERPT


def unswept() -> list[Erasure]:
    return list(Erasure.objects.filter(swept_at=None).order_by("pk"))


def sweep(erasure: Erasure, *, at: datetime) -> bool:
    """Go through what takes long, each piece in a transaction of its own; False: something must be looked at again.

    Cut off it begins anew, and finds what it has done already clean. At the end nothing is left of the person's
    words, here neither.
    """
    subject = Subject.from_kept(erasure.left)
    done = [kept.sweep(subject, at=at) for kept in personal.registered if isinstance(kept, Apart) and kept.sweep]
    if not all(done):
        return False
    _forget_samples()
    Erasure.objects.filter(pk=erasure.pk).update(swept_at=at, left={})
    return True


def _forget_samples() -> None:
    """The planner keeps samples of what stood in a column, which are values too."""
    models = {kept.model for kept in personal.registered if not isinstance(kept, Apart)}
    tables = {apps.get_model(model)._meta.db_table for model in models}
    columns = [column for kept in personal.registered if isinstance(kept, Apart) for column in kept.columns]
    tables |= {column.partition(".")[0] for column in columns}
    with connection.cursor() as cursor:
        for table in sorted(tables):
            cursor.execute(f"ANALYZE {connection.ops.quote_name(table)}")


def sweep_inbox(subject: Subject, *, at: datetime) -> bool:
    """Rewrite the raw requests that speak of the person; those that still wait are counted as before, for nobody."""
    for batch in batches():
        body = rules.rewritten(bytes(batch.body), batch.source_id, subject)
        failed = subject.cleaned(batch.failed)
        if body is not None or failed != batch.failed:
            row = InboxBatch.objects.filter(received_on=batch.received_on, id=batch.id)
            row.update(failed=failed, **({} if body is None else {"body": body}))
    return True


def sweep_rejects(subject: Subject, *, at: datetime) -> bool:
    """Empty what was kept of refused events of the person, or that name them. A cut may leave half an address."""
    theirs = Q(long__gte=EXCERPT - 1)
    for text in filter(None, (subject.loose, rules.own_event(subject))):
        theirs |= Q(excerpt__iregex=text) | Q(reason__iregex=text) | Q(message_id__iregex=text)
    rows = Reject.objects.annotate(long=Length("excerpt")).filter(theirs)
    for row in rows.order_by("pk").iterator(chunk_size=500):
        reason, message_id = subject.cleaned(row.reason), subject.cleaned(row.message_id)
        if rules.is_cut_in(row.excerpt, subject) or (reason, message_id) != (row.reason, row.message_id):
            Reject.objects.filter(pk=row.pk).update(excerpt="", reason=reason[:300], message_id=message_id[:255])
    return True
