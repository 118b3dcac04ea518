"""manage.py doctor: what is wrong with this installation, and how to mend it."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError
from django.template.defaultfilters import pluralize

from crm.audit.queries import verify
from crm.management.doctor import BAD, GOOD, HERE, WARNS, Finding, dns_records, mail_server

SIGNS = {GOOD: "ok  ", WARNS: "look", BAD: "mend"}


class Command(BaseCommand):
    help = "Look the installation over. Exits with 0 when all is well, 1 with warnings, 2 with problems."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="the findings as JSON")
        parser.add_argument("--mail", action="store_true", help="say hello to the mail server, too")
        parser.add_argument("--dns", action="store_true", help="ask for the records of MAIL_FROM_DOMAIN, too")
        parser.add_argument("--dkim", default="", metavar="SELECTOR", help="the selector of its DKIM key")
        parser.add_argument("--record", action="store_true", help="walk the chain over the whole record, too")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = list(looked_over(datetime.now(UTC)))
        if options["record"]:
            findings += chain()
        if options["mail"]:
            findings += mail_server()
        if options["dns"]:
            findings += dns_records(settings.MAIL_FROM_DOMAIN, selector=options["dkim"])
        if options["json"]:
            self.stdout.write(json.dumps([finding._asdict() for finding in findings], indent=1))
        else:
            self.stdout.write("\n".join(words(findings)))
        levels = {finding.level for finding in findings}
        if code := 2 if BAD in levels else 1 if WARNS in levels else 0:
            sys.exit(code)


def looked_over(at: datetime) -> Iterator[Finding]:
    """One check's trouble is a finding, and the others go on."""
    for check in HERE:
        try:
            yield from check(at)
        except (DatabaseError, InterfaceError) as error:
            said = str(error).split("\n")[0]
            mend = "See whether its server runs and DATABASE_URL is right; then look at migrations."
            yield Finding(BAD, check.__name__.replace("_", " "), f"The database failed: {said}", mend)


def chain() -> Iterable[Finding]:
    found = verify()
    if found.why:
        mend = "Compare with a backup, and ask who had access to the database."
        return [Finding(BAD, "record", f"The chain breaks at row {found.broken_at}: {found.why}.", mend)]
    return [Finding(GOOD, "record", f"The chain is whole over {found.sealed} row{pluralize(found.sealed)}.")]


def words(findings: Iterable[Finding]) -> Iterator[str]:
    for finding in sorted(findings, key=lambda finding: (BAD, WARNS, GOOD).index(finding.level)):
        yield f"{SIGNS[finding.level]}  {finding.where}: {finding.what}"
        if finding.mend:
            yield f"      {finding.mend}"
