"""What comes in: JSON through the input gate, of a bounded size, and typed values that can be stored and shown."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from orjson import JSONDecodeError, loads
from rest_framework import serializers
from rest_framework.parsers import BaseParser

from crm.accounts.models import Account
from crm.api.errors import Wrong
from crm.lib import gate
from crm.lib.inflate import Broken, TooLarge, inflate

LIMIT = 1024 * 1024
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
LARGEST_ID = 2**63 - 1


class GatedJson(BaseParser):
    """One JSON object or nothing, as it is or gzipped; whatever its Content-Type says."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        raw = stream.read(LIMIT + 1)
        encoding = parser_context["request"].META.get("HTTP_CONTENT_ENCODING", "")
        try:
            body = inflate(raw, encoding, LIMIT)
        except TooLarge:
            raise Wrong(413, "too_large", f"The body is larger than {LIMIT // 1024} KB.") from None
        except Broken:
            raise Wrong(400, "invalid", "The body is not what its Content-Encoding says, or is cut off.") from None
        except LookupError:
            raise Wrong(415, "unsupported_encoding", "Send the body as it is, or with gzip or deflate.") from None
        if not body.strip():
            return {}
        try:
            found = loads(body)
        except (JSONDecodeError, RecursionError):
            raise Wrong(400, "not_json", "The body is not JSON. Send one JSON object in UTF-8.") from None
        gate.check_value(found)
        if not isinstance(found, dict):
            raise Wrong(400, "invalid", "The body is not a JSON object.")
        return found


class Body(serializers.Serializer[Any]):
    """What a call may send. A name that is none is refused: a slip of the pen would otherwise be lost in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (odd := sorted(set(data) - set(self.fields))):
            raise serializers.ValidationError({str(name)[:80]: ["There is no such field here."] for name in odd[:20]})
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """Text through the gate: NFC, without control and bidi characters, at most `max_length` long."""

    def to_internal_value(self, data: Any) -> str:
        try:
            text = gate.clean_text(data, self.max_length or 255)
        except gate.Refused as refused:
            raise serializers.ValidationError(refused.reason) from refused
        if not text and not self.allow_blank:
            self.fail("blank")
        return text


@extend_schema_field(OpenApiTypes.DATE)
class Day(serializers.DateField):
    """A day that every list and calculation can bear."""

    def to_internal_value(self, value: Any) -> date:
        day: date = super().to_internal_value(value)
        if not EARLIEST <= day <= LATEST:
            raise serializers.ValidationError(f"Give a day from {EARLIEST} to {LATEST}.")
        return day


class Id(serializers.IntegerField):
    """A number that a row may have."""

    def __init__(self, **more: Any) -> None:
        super().__init__(min_value=1, max_value=LARGEST_ID, **more)


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class AccountField(serializers.Field[Any, Any, Any, Any]):
    """An account that the key's owner sees: by its id (a number) or by its external id (a text)."""

    def to_internal_value(self, data: Any) -> Account:
        seen = Account.objects.visible_to(self.context["request"].user).select_related("owner")
        found = None
        if isinstance(data, str):
            found = seen.filter(external_id=data).first()
        elif isinstance(data, int) and not isinstance(data, bool) and 0 < data <= LARGEST_ID:
            found = seen.filter(pk=data).first()
        if found is None:
            raise serializers.ValidationError("You see no such account. Send its id as a number, or its external id.")
        return found


class RowField(Id):
    """A row by its id, among those that `rows(user)` gives."""

    def __init__(self, *, rows: Any, **more: Any) -> None:
        super().__init__(**more)
        self.rows = rows

    def run_validation(self, data: Any = serializers.empty) -> Any:
        pk = super().run_validation(data)
        if pk is None:
            return None
        found = self.rows(self.context["request"].user).filter(pk=pk).first()
        if found is None:
            raise serializers.ValidationError("You see nothing with this id.")
        return found
