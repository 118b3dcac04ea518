"""What a person types into a search box, as a PostgreSQL query over words and their beginnings.

The configuration is 'simple': no stemming and no stop words, so that names in any language, Korean too, are found.
"""

import re
import unicodedata

from django.contrib.postgres.search import SearchQuery, SearchQueryCombinable

LONGEST, MOST_WORDS = 200, 8
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class AsWritten(SearchQuery):
    """Lexemes as they stand: `mina@ac` must find the one token `mina@acme.example`, which the parser would split."""

    template = "%(expressions)s::tsquery"


def cleaned(text: str) -> str:
    """What was typed, in NFC on one line; what is longer than a name can be is cut."""
    return unicodedata.normalize("NFC", _UNPRINTABLE.sub(" ", text[: 4 * LONGEST])).strip()[:LONGEST]


def tsquery(text: str) -> str:
    """Every word of `text` (already `cleaned`, not empty) as a quoted prefix, to be parsed and to be cast as it is."""
    words = text.lower().split()[:MOST_WORDS]
    return " & ".join("'" + word.replace("\\", "\\\\").replace("'", "''") + "':*" for word in words)


def beginnings(text: str) -> SearchQueryCombinable:
    """Rows in which every word of `text` begins some word."""
    query = tsquery(text)
    return SearchQuery(query, config="simple", search_type="raw") | AsWritten(query)
