"""What the database refuses, said at the field: uniqueness is its matter, races included."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.functional import Promise


def check_fields(row: models.Model) -> None:
    """Raise ValidationError for values that do not fit their field; null passes wherever the column allows it."""
    row.clean_fields(
        exclude={field.name for field in row._meta.fields if field.null and field.value_from_object(row) is None}
    )


@contextmanager
def clearly(words: Mapping[str, tuple[str, str | Promise]]) -> Iterator[None]:
    """Turn the violation of a named constraint into a ValidationError at its field.

    `words` maps constraint name to (field, sentence). The block is a savepoint, so the caller's transaction
    survives the refusal; a constraint that is not listed is a programming error and is raised as it came.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        if name not in words:
            raise
        field, sentence = words[name]
        raise ValidationError({field: str(sentence)}) from error
