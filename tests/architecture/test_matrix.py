"""Every address, asked by everyone: answers as in the table, reading writes nothing, writing leaves a record."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import time_machine
from django.db import transaction
from django.test import TestCase
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from crm.fills.models import Beat
from crm.sources import actions as sources
from crm.staff.models import Installation, Role, User
from tests.architecture.api_matrix import API
from tests.architecture.asking import address, cells, expected, round_of, told_of_elsewhere, visits, writing
from tests.architecture.matrix import (
    ADMIN,
    ADMIN_PAGES,
    EVERY,
    IDENTITIES,
    PUBLIC,
    ROLES,
    URLS,
    WHO,
    Open,
    Rows,
)
from tests.architecture.posts import form, opening
from tests.architecture.visiting import GET, HEAD, OTHERS, POST, Visitor, writes
from tests.company import NOW, WHOSE, Company, company

# A request with usage leaves no record of its own: the drain leaves one a run (rules.md §10).
INGEST = "crm_inbox_batch"
LINKS = ("answer", "unsubscribe", "invitation", "new-password", "first-admin")
# A login begins here, and whoever has not begun one is sent back to it.
LOGIN = ("account_login", "mfa_authenticate", "mfa_login_webauthn")


# --- what is declared ---------------------------------------------------------------------------------------


def patterns(found: Any = None, route: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """(name, route) of every address of the site."""
    for each in get_resolver().url_patterns if found is None else found:
        if isinstance(each, URLResolver):
            inner = f"{space}{each.namespace}:" if each.namespace else space
            yield from patterns(each.url_patterns, route + str(each.pattern), inner)
        elif isinstance(each, URLPattern):
            yield space + (each.name or ""), route + str(each.pattern)


def declared() -> set[str]:
    ours = {line.name for line in URLS} | {line.name for line in PUBLIC} | {call.name for call in API}
    pages = ("index", "login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n")
    each = ("changelist", "add", "change", "delete", "history")
    rows = {f"admin:{row.model}_{page}" for row in ADMIN for page in each}
    return ours | rows | {f"admin:{page}" for page in (*pages, "view_on_site", "app_list", "")}


def test_an_undeclared_address_fails_the_build() -> None:
    assert {name for name, _route in patterns()} - declared() == set()


def test_nothing_is_declared_that_is_not_there() -> None:
    assert declared() - {name for name, _route in patterns()} == set()


def test_only_the_admin_has_addresses_without_a_name() -> None:
    assert {route.partition("/")[0] for name, route in patterns() if not name.removeprefix("admin:")} == {"admin"}


def test_the_seven_identities_are_asked() -> None:
    assert [words for letter, words in IDENTITIES.items() if letter in ROLES] == [str(role.label) for role in Role]
    assert len(IDENTITIES) == 7


# --- Django's admin -----------------------------------------------------------------------------------------


def admin_pages(row: Rows) -> Iterator[tuple[str, str, str]]:
    """(address, method, who gets 200) of one model's pages; the others get 403."""
    space = f"admin:{row.model}"
    model = next(m for m in _registered() if f"{m._meta.app_label}_{m._meta.model_name}" == row.model)
    first = model._base_manager.order_by("pk").first()
    assert first is not None, f"tests/company.py makes no {row.model}"
    yield reverse(f"{space}_changelist"), GET, row.reads
    yield reverse(f"{space}_add"), GET, row.adds
    yield reverse(f"{space}_add"), POST, row.adds
    for page, who in (("change", row.reads), ("history", row.reads), ("delete", "")):
        yield reverse(f"{space}_{page}", args=[first.pk]), GET, who
    yield reverse(f"{space}_change", args=[first.pk]), POST, row.changes
    yield reverse(f"{space}_delete", args=[first.pk]), POST, ""


def _registered() -> list[Any]:
    from crm.admin import site

    return list(site._registry)


# --- the rounds ---------------------------------------------------------------------------------------------


@time_machine.travel(NOW)
class TestEverybodyAsksEverything(TestCase):
    """One company for all rounds; what a round finds wrong is listed whole."""

    made: Company

    @classmethod
    def setUpTestData(cls) -> None:
        cls.made = company()

    def test_where_each_team_sees_its_own_accounts(self) -> None:
        assert "\n".join(said for role in WHO for said in round_of(self.made, role, "team")) == ""

    def test_where_each_rep_sees_the_own_accounts(self) -> None:
        assert "\n".join(said for role in WHO for said in round_of(self.made, role, "own")) == ""

    def test_where_everybody_sees_all_accounts(self) -> None:
        assert "\n".join(said for role in WHO for said in round_of(self.made, role, "all")) == ""

    def test_what_happens_on_accounts_one_does_not_see_changes_no_page(self) -> None:
        assert "\n".join(said for role in "RMVC" for said in told_of_elsewhere(self.made, role)) == ""

    def test_other_methods_are_refused_to_everybody_everywhere(self) -> None:
        """Before it is known who asks, so two identities ask everything and the others once."""
        wrong: list[str] = []
        for who in [*WHO, "-"]:
            visitor = Visitor(self.made, who)
            for line in URLS if who in "R-" else URLS[:1]:
                for method in OTHERS:
                    status = visitor.ask(method, address(self.made, line, visits(self.made, line)[0]))
                    if (status, visitor.wrote, visitor.records) != (405, set(), 0):
                        wrong.append(f"{method} {line.name} by {who}: {status}")
        assert "\n".join(wrong) == ""

    def test_a_head_is_answered_like_a_get_without_the_page(self) -> None:
        wrong, visitor = list[str](), Visitor(self.made, "R")
        for line in URLS:
            whose = visits(self.made, line)[0]
            status, wanted = visitor.ask(HEAD, address(self.made, line, whose)), expected(line.get, "R", "team", whose)
            if (status, visitor.wrote) != (wanted, set()) or (wanted == 200 and visitor.body):
                wrong.append(f"HEAD {line.name}: {status}, not {wanted}; wrote {visitor.wrote}")
        assert "\n".join(wrong) == ""

    def test_a_post_to_a_page_that_only_shows_writes_nothing(self) -> None:
        wrong: list[str] = []
        for role in ROLES:
            visitor = Visitor(self.made, role)
            for line in (line for line in URLS if line.post == "as GET"):
                wrong += writing(self.made, visitor, line, role, "team", visits(self.made, line)[0])
        assert "\n".join(wrong) == ""

    def test_whoever_is_not_signed_in_is_sent_to_the_login_and_writes_nothing(self) -> None:
        visitor, wrong = Visitor(self.made, "-"), list[str]()
        for line in URLS:
            whose = visits(self.made, line)[0]
            for method in (GET, POST):
                status = visitor.ask(method, address(self.made, line, whose), form(line.name, self.made, whose))
                if (status, visitor.location[:7], visitor.wrote, visitor.records) != (302, "/login/", set(), 0):
                    wrong.append(f"{method} {line.name}: {status} {visitor.location} {visitor.wrote}")
        assert "\n".join(wrong) == ""

    def test_a_deactivated_user_is_nobody(self) -> None:
        visitor = Visitor(self.made, "O")
        User.objects.filter(pk=self.made.users["O"].pk).update(is_active=False)
        found = {visitor.ask(GET, reverse(name)) for name in ("today", "settings", "admin:index", "mail-files")}
        assert found == {302}

    def test_a_write_key_opens_no_page(self) -> None:
        basic = f"Basic {base64.b64encode(f'{self.made.write_key}:'.encode()).decode()}"
        visitor = Visitor(self.made, "-", headers={"Authorization": basic})
        urls = [address(self.made, line, visits(self.made, line)[0]) for line in URLS]
        found = {(visitor.ask(method, url), visitor.location[:7]) for url in urls for method in (GET, POST)}
        assert found == {(302, "/login/")}

    def test_what_is_not_there_is_404_for_whoever_might_see_it(self) -> None:
        wrong: list[str] = []
        for role in ROLES:
            visitor = Visitor(self.made, role)
            for line in (line for line in URLS if line.of):
                named = next(iter(self.made.rows[line.of].values()))
                url = reverse(line.name, args=[10**9, *named[1:]] if isinstance(named, tuple) else [10**9])
                for method, cell in zip((GET, POST), cells(line), strict=True):
                    wanted = expected(cell, role, "team", "nobody's")
                    wanted = 404 if wanted in (200, 302) else wanted
                    if (status := visitor.ask(method, url)) != wanted:
                        wrong.append(f"{method} {line.name} by {role}: {status}, not {wanted}")
        assert "\n".join(wrong) == ""

    def test_every_post_of_a_signed_in_person_needs_the_token_of_its_form(self) -> None:
        visitor = Visitor(self.made, "O", enforce_csrf_checks=True)
        found = {line.name: visitor.ask(POST, address(self.made, line, visits(self.made, line)[0])) for line in URLS}
        assert {name: status for name, status in found.items() if status != 403} == {}

    def test_public_addresses_answer_strangers_and_ourselves_alike(self) -> None:
        Beat.objects.update(at=datetime.now(UTC))  # the rounds before may have taken minutes
        wrong: list[str] = []
        for line in PUBLIC:
            for who in "-R" if line.name not in LOGIN else "-":
                sources.look_again()
                wrong += self.at_the_door(line, Visitor(self.made, who), who)
        assert "\n".join(wrong) == ""

    def at_the_door(self, line: Open, visitor: Visitor, who: str) -> Iterator[str]:
        url, more = opening(self.made, line)
        visitor.look_again()
        methods = (GET, "HEAD") if line.name in LINKS else (GET,)
        for method in methods:
            if (status := visitor.ask(method, url)) != line.get or visitor.wrote or visitor.records:
                yield f"{method} {line} by {who}: {status}, wrote {visitor.wrote}"
        status = visitor.ask(POST, url, **more)
        if status != line.post or (visitor.location.startswith("/login") and line.name not in LOGIN):
            yield f"POST {line} by {who}: {status} {visitor.location}"
        if bool(visitor.records) != line.records:
            yield f"POST {line} by {who} left {visitor.records} records"
        wrote = {table for table in visitor.wrote if not table.startswith(INGEST)}
        if not line.records and wrote:
            yield f"POST {line} by {who} wrote {visitor.wrote}"

    def test_the_admin_answers_each_role_as_the_table_says(self) -> None:
        """A form that is sent empty comes back with its errors (200), where sending it is allowed.

        Who has no business there at all is stopped before the model counts: of these, the rep asks everything.
        """
        wrong: list[str] = []
        for role in [*ROLES, "-"]:
            visitor = Visitor(self.made, role)
            pages = [page for row in ADMIN for page in list(admin_pages(row))[:: 1 if role in "SOR" else 6]]
            for url, method, allowed in pages:
                wanted = 302 if role == "-" else 200 if role in allowed else 403
                status = visitor.ask(method, url, {})
                noted = 1 if wanted == 403 else 0  # a denial is on record, and nothing else is
                if status != wanted or visitor.wrote or visitor.records != noted:
                    wrong.append(f"{method} {url} by {role}: {status}, not {wanted}; wrote {visitor.wrote}")
            for page, inside, outside in ADMIN_PAGES:
                wanted = 302 if role == "-" else inside if role in "SO" else outside
                if (status := visitor.ask(GET, f"/{page}")) != wanted:
                    wrong.append(f"GET {page} by {role}: {status}, not {wanted}")
        assert "\n".join(wrong) == ""

    def test_the_probe_sees_a_write_that_was_taken_back(self) -> None:
        before = writes()
        with transaction.atomic():
            Installation.objects.update(company_name="Other")
            transaction.set_rollback(True)
        after = writes()
        assert {table for table in after if after[table] != before.get(table, 0)} == {"crm_installation"}

    def test_the_company_has_a_row_for_every_kind_of_address(self) -> None:
        assert {line.of for line in URLS if line.of} - set(self.made.rows) == set()
        assert set(EVERY.split()) == set(WHOSE)
