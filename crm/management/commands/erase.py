"""manage.py erase: forget a person whom a customer's people asked us to forget."""

from datetime import UTC, datetime
from time import sleep
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from crm.audit.rules import System
from crm.contacts.models import Contact
from crm.erasures import actions

BY = System("manage.py erase")
PATIENCE = 150  # longer than a mail may be on its way to the server


class Command(BaseCommand):
    help = "Erase a person: every table, file and raw request. It cannot be undone; hashes keep them from coming back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="the id of a contact (the number in its address), or an email address")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        contact = found(options["person"])
        if not options["yes"] and input(f"Erase {contact} ({contact.email}) for good? [y/N] ").strip().lower() != "y":
            raise CommandError("Nothing was erased.")
        erasure = actions.erase(contact, at=datetime.now(UTC), by=BY)
        actions.keep_journal(settings.ERASURES_JOURNAL)
        for _second in range(PATIENCE):
            if erasure.swept_at or actions.sweep(erasure, at=datetime.now(UTC)):
                n = len(erasure.contacts)
                self.stdout.write(f"Erased: {n} contact{pluralize(n)} of this person. The record says so.")
                return
            sleep(1)
        self.stdout.write("Erased. A mail is still on its way; the worker removes what is left of it.")


def found(person: str) -> Contact:
    """The contact that is meant; raises CommandError with a sentence."""
    rows = Contact.objects.system("the operator names the person")
    if "@" in person:
        contact = rows.filter(email__iexact=person.strip(), erased_at=None).order_by("pk").first()
    else:
        contact = rows.filter(pk=person).first() if person.isascii() and person.isdigit() else None
    if contact is None:
        raise CommandError("There is no such contact. Name it by its number or its email address.")
    return contact
