"""What an identity asks, and what the table in matrix.py says to it; what is answered otherwise is yielded."""

import difflib
import re
from collections.abc import Iterator, Sequence

from django.db import transaction
from django.urls import reverse

from crm.staff.models import Installation
from tests.architecture.matrix import SEES, URLS, WRITES, Line
from tests.architecture.posts import form, prepare
from tests.architecture.visiting import GET, POST, Visitor
from tests.company import WHOSE, Company, happens_elsewhere, run_pipeline

# What pages of lists are asked besides: what the person does not see is kept from these answers as well.
QUERIES = {
    "today": ["whose=all", "whose=mine", "waits=1"],
    "portfolio": ["stage=all", "q=account"],
    "portfolio-bands": ["stage=all"],
    "conversations": ["whose=all"],
    "search": ["q=account", "q=person"],
    "palette": ["q=account", "q=person"],
    "onboardings": ["whose=all"],
    "promises": ["whose=all", "settled=1", "whose=all&settled=1"],
    "mail-files": ["state=unconfirmed"],
    "scorecard-measure": ["kind=reach&window=28"],
}


# What these write is no business row: the session, and cookies.
WITHOUT_RECORD = {"account_logout", "sessions-end"}
# These ask for the password first, or answer it.
WITHOUT_RECORD |= {"account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"}
WITHOUT_RECORD |= {"mfa_activate_totp", "mfa_deactivate_totp", "mfa_add_webauthn", "mfa_generate_recovery_codes"}
# The answer to a form of these holds something that is shown once, so it is a page and no redirect.
SHOWN_ONCE = {
    "source-key-new",
    "api-key-new",
    "webhook-new",
    "webhook-rotate",
    "person-invite",
    "person-password-link",
    "invitation-resend",
}
SHOWN_ONCE |= {"api-key-new", "webhook-new", "webhook-rotate"}
TOKEN = re.compile(r"\b[A-Za-z0-9]{64}\b")  # of a form: another one every time


def expected(cell: str, role: str, mode: str, whose: str) -> int:
    """Read one cell: the status that `role` gets at a row of `whose` account under the visibility `mode`."""
    if cell.isdigit():
        return int(cell)
    clauses = [clause.split() for clause in cell.split(" · ")]
    for roles, *how, status in clauses:
        if letter_of(role, cell) not in roles:
            continue
        if how and whose not in SEES[mode][role].split():
            return 404
        if how == ["writes"] and whose not in WRITES[role].split():
            return 403
        return int(status)
    return 403


def letter_of(role: str, cell: str) -> str:
    """C has what R has, except where the cell names C."""
    return "R" if role == "C" and "C" not in cell else role


def worth_asking(cell: str, role: str, mode: str, whose: str) -> bool:
    """Every cell under the mode "team"; under the others what they change, and what shows lists of accounts.

    What is refused whosever row it is, is asked once.
    """
    if cell == "405" or not any(letter_of(role, cell) in clause.split()[0] for clause in cell.split(" · ")):
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


def reading(made: Company, visitor: Visitor, line: Line, role: str, mode: str, whose: str) -> Iterator[str]:
    wanted = expected(line.get, role, mode, whose)
    for url in addresses(made, line, whose) if wanted == 200 else [address(made, line, whose)]:
        status, said = visitor.ask(GET, url), f"GET {line.name} of {whose or 'nobody'} by {role} at {url}"
        if status != wanted:
            yield f"{said}: {status}, not {wanted}"
        if visitor.wrote:
            yield f"{said} wrote {visitor.wrote}"
        if shown := [word for word in secrets(role, mode) if word in visitor.body]:
            yield f"{said} shows {shown}"


def writing(made: Company, visitor: Visitor, line: Line, role: str, mode: str, whose: str) -> Iterator[str]:
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


def addresses(made: Company, line: Line, whose: str) -> list[str]:
    """The address, and the same with what it may be asked besides."""
    url = address(made, line, whose)
    return [url, *(f"{url}?{query}" for query in QUERIES.get(line.name, []))]


def concerns_cover(made: Company, line: Line) -> bool:
    """Cover is of accounts: of what else is R's own, and of pages that show no account, C asks nothing."""
    shows = not line.of and line.get.endswith(" 200")
    return shows or "own" in made.rows.get(line.of, {}) or "C" in line.get + line.post


def round_of(made: Company, role: str, mode: str) -> Iterator[str]:
    """Everything the role may ask under the mode; yields what was answered otherwise than declared."""
    Installation.objects.update(visibility=mode)
    visitor = Visitor(made, role)
    for line in URLS:
        if role == "C" and not concerns_cover(made, line):
            continue
        for whose in visits(made, line):
            if worth_asking(line.get, role, mode, whose):
                yield from reading(made, visitor, line, role, mode, whose)
            if line.post != "as GET" and worth_asking(line.post, role, mode, whose):
                yield from writing(made, visitor, line, role, mode, whose)


def told_of_elsewhere(made: Company, role: str) -> Iterator[str]:
    """Addresses where the role can tell, if only by a number, that something happened on accounts it does not see."""
    lines = [line for line in URLS if expected(line.get, role, "team", visits(made, line)[0]) == 200]
    if role != "R":  # pages about one account show the same to whoever sees it
        lines = [line for line in lines if not line.of]
    Installation.objects.update(visibility="team")
    with transaction.atomic():
        run_pipeline()
        before = _read(made, role, lines)
        happens_elsewhere(made)
        after = _read(made, role, lines)
        transaction.set_rollback(True)
    for url, body in before.items():
        if after[url] != body:
            yield "\n".join([f"{url} tells {role}", *_differences(body, after[url])])


def _read(made: Company, role: str, lines: Sequence[Line]) -> dict[str, str]:
    """What the role reads at each address, without the marks that are others on every request."""
    visitor, found = Visitor(made, role), dict[str, str]()
    for line in lines:
        for url in addresses(made, line, visits(made, line)[0]):
            found[url] = f"{visitor.ask(GET, url)}\n{TOKEN.sub('', visitor.body)}"
    return found


def _differences(before: str, after: str) -> Iterator[str]:
    """The lines that are gone and new, so that a failure says what was told."""
    yield from (line[:300] for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))
