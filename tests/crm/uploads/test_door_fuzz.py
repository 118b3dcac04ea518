"""Whatever is in a file: the door answers, the trial foretells what applying does, and everything taken can be opened.

A hundred files by default; `make fuzz` sets IMPORT_CASES to make thousands of them.
"""

import os
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import ClientHandler
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from crm.accounts.models import Account
from crm.imports.rules import KINDS
from crm.lib.csv_writing import lines
from crm.uploads.models import Upload, UploadRow
from tests import factories
from tests.crm.uploads import door

CASES = int(os.environ.get("IMPORT_CASES", "25"))
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ("acme", "b", "", "=1+1", "2025-03-04", "03-04-2025", "2026-10", "1e9", "-1", "NaN", "yes", "EUR", "\0", "“x”")
    ),
    st.sampled_from(
        ('"', "a;b", "x@y.example", "9999-12-31T23:59:59-12:00", "9" * 30, "\ud800", "\r\n", "ko", "trial")
    ),
    st.integers(-(10**20), 10**20).map(str),
    st.datetimes().map(str),
)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, bytes]:
    """A kind, and a file of it: mostly our columns with odd values, in some encoding, or plain bytes."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    if draw(st.integers(0, 9)) == 0:
        return kind, draw(st.binary(max_size=300))
    head = draw(st.lists(st.sampled_from([*KINDS[kind].columns, "more"]), min_size=1, max_size=8, unique=True))
    for group in KINDS[kind].required:
        head += [] if set(group) & set(head) else [group[0]]
    rows = draw(
        st.lists(st.lists(VALUES, min_size=len(head) - draw(st.integers(0, 1)), max_size=len(head)), max_size=6)
    )
    text = "\n".join([";".join(head), *(";".join(row) for row in rows)])
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "cp949", "latin-1", "utf-16"]))
    return kind, text.encode(encoding, "replace" if encoding != "utf-8" else "surrogatepass")


# One for all cases: a new one looks through all static files first.
HANDLER = ClientHandler(enforce_csrf_checks=False)


class TestAnyFile(TestCase):
    @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(file=files(), order=st.sampled_from(["dmy", "mdy"]))
    def test_what_is_taken_can_be_opened_and_taken_out(self, file: tuple[str, bytes], order: str) -> None:
        kind, data = file
        self.client.handler = HANDLER
        self.client.force_login(factories.user("ops_admin"))
        factories.account("Acme", external_id="acme")
        factories.account("B", external_id="b")
        answer = self.client.post(reverse("imports"), {"kind": kind, "file": SimpleUploadedFile("f.csv", data)})
        assert answer.status_code in (200, 302)
        if answer.status_code == 200:
            assert answer.context["form"].errors
            return
        made = Upload.objects.latest("pk")
        for _ask in range(2):
            if made.state != "columns":
                break
            form = self.client.get(reverse("upload", args=[made.pk])).context["form"]
            post = {f"column-{choice.place}": choice.chosen for choice in form.choices} | {"date_order": order}
            self.client.post(reverse("upload-columns", args=[made.pk]), post)
            door.long_work()
            made.refresh_from_db()
        if made.state != "checked":
            assert made.state == "columns"
            return
        foretold = (made.new, made.updated, made.unchanged, made.refused)
        assert sum(foretold) == made.rows == UploadRow.objects.filter(upload=made).count()
        made = door.go(self.client, made, "apply")
        assert made.state == "applied", made.problem
        run = made.run
        assert (run.created, run.updated, run.unchanged, made.refused) == foretold
        assert self.client.get(reverse("upload", args=[made.pk])).status_code == 200
        refused: Any = self.client.post(reverse("upload-refused", args=[made.pk]))
        assert b"".join(refused.streaming_content)
        accounts = Account.objects.system("fuzz").values_list("external_id", "name", "segment")
        assert len(b"".join(lines(["id", "name", "segment"], accounts))) > 0
        for account in Account.objects.system("fuzz")[:5]:
            assert self.client.get(reverse("account-edit", args=[account.pk])).status_code == 200


pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
