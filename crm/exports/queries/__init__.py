"""The lists that crm gives as files, in the order in which they are offered; other apps register theirs."""

from crm.exports.queries import book, house, said
from crm.exports.rules import EXPORTS, Export, register
from crm.staff.models import User

for export in (*book.EXPORTS, *said.EXPORTS, *house.EXPORTS):
    register(export)


def offered(user: User) -> list[Export]:
    """The lists that this person may take whole."""
    return [export for export in EXPORTS.values() if export.whole and export.allows(user)]


__all__ = ["offered"]
