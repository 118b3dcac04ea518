"""One way to go through the door as a person would: upload, say what the columns mean, let the long work work."""

from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from crm.audit.rules import System
from crm.uploads import actions
from crm.uploads.models import Upload, UploadRow
from tests.factories import NOW

TABLES = (
    "account", "ownerchange", "trait", "traitdefinition", "contact", "plan", "plan_features", "feature",
    "subscription", "subscriptionchange", "eventname", "person", "monthlytotal", "usage_day", "person_day", "seen",
    "countedday", "promise", "promisechange", "payment", "goal", "goalchange",
    "conversation", "entry", "calendarday", "responsetarget", "pulse", "override", "notneeded",
)  # fmt: skip
CONCLUDED = {"pulse", "override", "notneeded"}  # what retention keeps


def long_work(at: Any = NOW + timedelta(minutes=1)) -> None:
    while actions.work(clock=lambda: at, by=System("uploads")):
        pass


def upload(client: Client, kind: str, content: str | bytes, name: str = "file.csv") -> Upload:
    data = content.encode() if isinstance(content, str) else content
    before = set(Upload.objects.values_list("pk", flat=True))
    answer = client.post(reverse("imports"), {"kind": kind, "file": SimpleUploadedFile(name, data)})
    assert answer.status_code == 302, answer.content.decode()[:4000]
    return Upload.objects.exclude(pk__in=before).get()


def tried(client: Client, kind: str, content: str | bytes, name: str = "file.csv", **said: str) -> Upload:
    """Uploaded, with the columns as they are guessed or as `said`, and tried."""
    made = upload(client, kind, content, name)
    form = client.get(reverse("upload", args=[made.pk])).context["form"]
    post = {f"column-{choice.place}": choice.chosen for choice in form.choices} | {"date_order": ""} | said
    client.post(reverse("upload-columns", args=[made.pk]), post)
    long_work()
    made.refresh_from_db()
    return made


def go(client: Client, made: Upload, step: str) -> Upload:
    assert client.post(reverse(f"upload-{step}", args=[made.pk])).status_code == 302
    long_work()
    made.refresh_from_db()
    return made


def counts(made: Upload) -> tuple[str, int, int, int, int]:
    return made.state, made.new, made.updated, made.unchanged, made.refused


def reasons(made: Upload) -> list[tuple[int, str]]:
    return list(UploadRow.objects.filter(upload=made, outcome="refused").order_by("line").values_list("line", "reason"))


def digests() -> dict[str, str]:
    """Each table of the book and of usage as one digest over its rows."""
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            name = f"{'retention' if table in CONCLUDED else 'crm'}_{table}"
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(row::text, chr(10) ORDER BY row::text), '')) FROM {name} AS row"
            )
            found[table] = cursor.fetchone()[0]
    return found
