"""Locks for secrets that must be read again: a copy of the database alone opens nothing."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def lock(purpose: str) -> MultiFernet:
    """A lock of its own for each purpose, derived from SECRET_KEY; earlier keys still open what they locked."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet(
        [Fernet(urlsafe_b64encode(sha256(f"{purpose}:{secret}".encode()).digest())) for secret in secrets]
    )
