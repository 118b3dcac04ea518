"""The pages of imports: for those who may import, in pages by key, without counting."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.imports.models import ImportRefusal, ImportRun
from tests import factories

pytestmark = pytest.mark.django_db


def run(**more) -> ImportRun:
    defaults = {"kind": "accounts", "filename": "book.csv", "sha256": "0" * 64, "started_at": factories.NOW}
    return ImportRun.objects.create(**defaults | more)


def refuse(of: ImportRun, lines: range) -> None:
    ImportRefusal.objects.bulk_create(
        [ImportRefusal(run=of, line=line, reason="No name <b>.", row={"id": f"id-{line}"}) for line in lines]
    )


@pytest.mark.parametrize(
    ("role", "status"), [("ops_admin", 200), ("system_admin", 403), ("manager", 403), ("rep", 403), ("read_only", 403)]
)
def test_imports_are_for_those_who_may_import(as_user, role, status) -> None:
    client = as_user(factories.user(role))
    pages = [reverse("imports"), reverse("import", args=[run().pk])]
    assert [client.get(page).status_code for page in pages] == [status, status]


def test_the_list_takes_the_same_queries_for_one_run_and_for_three(as_user, ops) -> None:
    client = as_user(ops)
    run()
    client.get(reverse("imports"))
    with CaptureQueriesContext(connection) as one:
        client.get(reverse("imports"))
    run()
    run(finished_at=factories.NOW, read=3)
    with CaptureQueriesContext(connection) as three:
        page = client.get(reverse("imports")).content.decode()
    assert len(one) == len(three)
    assert (page.count("book.csv"), page.count("not finished")) == (3, 2)


def test_the_refusals_take_the_same_queries_for_one_and_for_three(as_user, ops) -> None:
    client, of = as_user(ops), run(refused=3)
    refuse(of, range(2, 3))
    client.get(reverse("import", args=[of.pk]))
    with CaptureQueriesContext(connection) as one:
        client.get(reverse("import", args=[of.pk]))
    refuse(of, range(3, 5))
    with CaptureQueriesContext(connection) as three:
        page = client.get(reverse("import", args=[of.pk])).content.decode()
    assert len(one) == len(three)
    assert page.count("No name &lt;b&gt;.") == 3


def test_refusals_are_paged_by_key_in_the_order_of_the_file(as_user, ops) -> None:
    client, of = as_user(ops), run(refused=120)
    refuse(of, range(2, 122))
    refuse(run(), range(500, 510))

    def lines(query: str = "") -> tuple[list[int], int | None, int | None]:
        context = client.get(reverse("import", args=[of.pk]) + query).context
        return [row.line for row in context["refusals"]], context["previous"], context["next"]

    first, before, after = lines()
    assert (first, before) == (list(range(2, 52)), None)
    second, before, after = lines(f"?after={after}")
    assert second == list(range(52, 102))
    third, before_third, after = lines(f"?after={after}")
    assert (third, after) == (list(range(102, 122)), None)
    assert lines(f"?before={before_third}")[0] == second
    back, earlier, _after = lines(f"?before={before}")
    assert (back, earlier) == (first, None)
    assert lines("?after=nonsense")[0] == first


def test_nothing_imported_yet_says_how_to_begin(as_user, ops) -> None:
    page = as_user(ops).get(reverse("imports")).content.decode()
    assert "Nothing has been imported yet." in page
