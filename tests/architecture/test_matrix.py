"""Every address, asked by everyone: answers as in the table, reading writes nothing, writing leaves a record."""

import base64
from collections.abc import Iterator
from typing import Any

import time_machine
from django.db import transaction
from django.test import TestCase
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from crm.sources import actions as sources
from crm.staff.models import Installation, User
from tests.architecture.matrix import (
    ADMIN,
    ADMIN_PAGES,
    EVERY,
    PUBLIC,
    ROLES,
    SEES,
    URLS,
    WHO,
    WRITES,
    Line,
    Open,
    Rows,
)
from tests.architecture.posts import form, opening, prepare
from tests.architecture.visiting import GET, POST, Visitor, writes
from tests.company import NOW, WHOSE, Company, company

# What these write is no business row: the session, and cookies.
WITHOUT_RECORD = {"account_logout", "sessions-end"}
# These ask for the password first, or answer it.
WITHOUT_RECORD |= {"account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"}
WITHOUT_RECORD |= {"mfa_activate_totp", "mfa_deactivate_totp", "mfa_add_webauthn", "mfa_generate_recovery_codes"}
# The answer to a form of these holds something that is shown once, so it is a page and no redirect.
SHOWN_ONCE = {"source-key-new", "person-invite", "person-password-link", "invitation-resend"}
# A request with usage leaves no record of its own: the drain leaves one a run (rules.md §10).
INGEST = "crm_inbox_batch"
LINKS = ("answer", "unsubscribe", "invitation", "new-password", "first-admin")
# A login begins here, and whoever has not begun one is sent back to it.
LOGIN = ("account_login", "mfa_authenticate", "mfa_login_webauthn")
OF_ACCOUNTS = ("account", "contact", "line", "task", "draft", "waiting mail", "unconfirmed mail", "put off")


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
    ours = {line.name for line in URLS} | {line.name for line in PUBLIC}
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


def test_every_role_is_asked() -> None:
    from crm.staff.models import Role

    assert len(ROLES) == len(Role.values)


# --- what the table says ------------------------------------------------------------------------------------


def expected(cell: str, role: str, mode: str, whose: str) -> int:
    """Read one cell: the status that `role` gets at a row of `whose` account under the visibility `mode`."""
    if cell.isdigit():
        return int(cell)
    clauses = [clause.split() for clause in cell.split(" · ")]
    letter = "R" if role == "C" and not any("C" in roles for roles, *_rest in clauses) else role
    for roles, *how, status in clauses:
        if letter not in roles:
            continue
        if how and whose not in SEES[mode][role].split():
            return 404
        if how == ["writes"] and whose not in WRITES[role].split():
            return 403
        return int(status)
    return 403


def worth_asking(cell: str, role: str, mode: str, whose: str) -> bool:
    """Every cell under the mode "team"; under the others what they change, and what shows lists of accounts."""
    if cell == "405":  # the same whosever row it is
        return mode == "team" and whose in ("", "own")
    changes = SEES[mode][role] != SEES["team"][role]
    differs = expected(cell, role, mode, whose) != expected(cell, role, "team", whose)
    return mode == "team" or differs or (changes and cell.endswith(" 200") and whose in ("", "own"))


def cells(line: Line) -> tuple[str, str]:
    return line.get, line.get if line.post == "as GET" else line.post


def address(made: Company, line: Line, whose: str) -> str:
    if not line.of:
        return reverse(line.name)
    named = made.rows[line.of][whose]
    return reverse(line.name, args=named if isinstance(named, tuple) else [named])


def visits(made: Company, line: Line) -> list[str]:
    """Whose rows the address can name; "" when it names none of an account."""
    return [whose for whose in made.rows.get(line.of, {"": 0}) if whose in WHOSE] or [""]


def secrets(role: str, mode: str) -> list[str]:
    """Words that no page shows to the role: everything of accounts it does not see, people for the read-only."""
    kinds = ("account ", "person", "step", "task", "mail", "body", "comment", "unasked", "-1", "-2")
    hidden = [f"{whose}{kind}" for whose in WHOSE if whose not in SEES[mode][role].split() for kind in kinds]
    return hidden + ([f"{whose}person" for whose in WHOSE] + ["person@", "+49 30"] if role == "V" else [])


def _reading(made: Company, visitor: Visitor, line: Line, role: str, mode: str, whose: str) -> Iterator[str]:
    url = address(made, line, whose)
    status, wanted = visitor.ask(GET, url), expected(line.get, role, mode, whose)
    said = f"GET {line.name} of {whose or 'nobody'} by {role}"
    if status != wanted:
        yield f"{said}: {status}, not {wanted}"
    if visitor.wrote:
        yield f"{said} wrote {visitor.wrote}"
    if shown := [word for word in secrets(role, mode) if word in visitor.body]:
        yield f"{said} shows {shown}"


def _writing(made: Company, visitor: Visitor, line: Line, role: str, mode: str, whose: str) -> Iterator[str]:
    wanted = expected(cells(line)[1], role, mode, whose)
    said = f"POST {line.name} of {whose or 'nobody'} by {role}"
    with transaction.atomic():
        if prepare(line.name, made, whose):
            visitor.look_again()
        status = visitor.ask(POST, address(made, line, whose), form(line.name, made, whose))
        transaction.set_rollback(True)
    if status != wanted:
        yield f"{said}: {status}, not {wanted}"
    done = wanted == (200 if line.name in SHOWN_ONCE else 302) and line.post != "as GET"
    if done and line.name not in WITHOUT_RECORD and not visitor.records:
        yield f"{said} left no record"
    if not done and visitor.wrote:
        yield f"{said} wrote {visitor.wrote}"


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

    def round(self, role: str, mode: str) -> list[str]:
        Installation.objects.update(visibility=mode)
        visitor, wrong = Visitor(self.made, role), list[str]()
        for line in URLS:
            if role == "C" and line.of and line.of not in OF_ACCOUNTS and "C" not in line.get + line.post:
                continue  # what is R's own and no account's is not covered
            for whose in visits(self.made, line):
                if worth_asking(line.get, role, mode, whose):
                    wrong += _reading(self.made, visitor, line, role, mode, whose)
                if line.post != "as GET" and worth_asking(line.post, role, mode, whose):
                    wrong += _writing(self.made, visitor, line, role, mode, whose)
        return wrong

    def test_where_each_team_sees_its_own_accounts(self) -> None:
        assert "\n".join(said for role in WHO for said in self.round(role, "team")) == ""

    def test_where_each_rep_sees_the_own_accounts(self) -> None:
        assert "\n".join(said for role in WHO for said in self.round(role, "own")) == ""

    def test_where_everybody_sees_all_accounts(self) -> None:
        assert "\n".join(said for role in WHO for said in self.round(role, "all")) == ""

    def test_a_post_to_a_page_that_only_shows_writes_nothing(self) -> None:
        wrong: list[str] = []
        for role in ROLES:
            visitor = Visitor(self.made, role)
            for line in (line for line in URLS if line.post == "as GET"):
                wrong += _writing(self.made, visitor, line, role, "team", visits(self.made, line)[0])
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
        assert {visitor.ask(GET, address(self.made, line, visits(self.made, line)[0])) for line in URLS} == {302}

    def test_what_is_not_there_is_404_for_whoever_might_see_it(self) -> None:
        wrong: list[str] = []
        for role in ROLES:
            visitor = Visitor(self.made, role)
            for line in (line for line in URLS if line.of):
                named = self.made.rows[line.of].get("")
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
