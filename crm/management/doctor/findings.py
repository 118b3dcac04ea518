"""One line of the doctor's."""

from typing import NamedTuple

GOOD, WARNS, BAD = "good", "warning", "problem"


class Finding(NamedTuple):
    """`mend` is empty for what is good."""

    level: str
    where: str
    what: str
    mend: str = ""
