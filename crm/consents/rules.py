"""What a person's recorded consent allows: it follows from the last word alone."""

# What we may ask for. Kinds of mail (crm.outbox) that are none of these need no consent.
INFORMATIONAL, SURVEY, ADVERTISING, REFERRAL = "informational", "survey", "advertising", "referral"
PURPOSES = (INFORMATIONAL, SURVEY, ADVERTISING, REFERRAL)
# Asked for beforehand; the others may be sent until the person says no.
BEFOREHAND = frozenset({ADVERTISING, REFERRAL})


def allows(purpose: str, last_word: bool | None) -> bool:
    """Whether mail for this purpose may go out. `last_word`: yes, no, or None when the person was never asked."""
    if last_word is None:
        return purpose not in BEFOREHAND
    return last_word
