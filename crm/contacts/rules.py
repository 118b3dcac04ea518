"""How a contact looks to somebody who may not read contact data."""

HIDDEN = "•••"


def masked_name(name: str) -> str:
    """The first letter of each word: "Mina Kwon" → "M••• K•••"."""
    return " ".join(word[0] + HIDDEN for word in name.split()) or HIDDEN


def masked_email(email: str) -> str:
    """The company's part alone: "mina@acme.example" → "•••@acme.example"."""
    return f"{HIDDEN}@{email.rpartition('@')[2]}" if email else ""


def masked_phone(phone: str) -> str:
    return HIDDEN if phone else ""
