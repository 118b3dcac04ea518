"""What the API says of itself as OpenAPI 3: read from the nouns, so that it cannot say anything else."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from crm.api.errors import Problem

REPEATABLE = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Up to 255 characters of your choice. The same call again within 24 hours does nothing twice.",
)


class Description(AutoSchema):
    """Takes what a noun declares: what each call takes, what it answers with, which of them are lists."""

    view: Any

    def _is_list_view(self, serializer: Any = None) -> bool:
        return self.view.action in self.view.lists

    def get_override_parameters(self) -> list[Any]:
        if self._is_list_view():
            return [self.view.asks.get(self.view.action, self.view.asked)]
        return [REPEATABLE] if self.method == "POST" else []

    def get_request_serializer(self) -> Any:
        return self.view.takes.get(self.view.action)

    def get_response_serializers(self) -> Any:
        shape = self.view.shapes.get(self.view.action, self.view.serializer_class)
        made = {"create": {201: shape}, "by_external_id": {200: shape}}
        found = dict(made.get(self.view.action, {200: shape}))
        if self.view.action in self.view.upserts:
            found = {200: shape, 201: shape}
        elif self.view.action in self.view.silent:
            found = {204: None}
        return found | {"default": Problem}

    def get_operation_id(self) -> str:
        return f"{self._tokenize_path()[0]}_{self.view.action}".replace("-", "_")

    def get_tags(self) -> list[str]:
        return self._tokenize_path()[:1]

    def get_description(self) -> str:  # type: ignore[override]  # as the generator has it
        handler = getattr(self.view, self.view.action)
        scope = f"{self.view.group}:{'read' if self.method == 'GET' else 'write'}"
        said = " ".join((handler.__doc__ or self.view.says.get(self.view.action, "")).split())
        return f"{said} Scope: `{scope}`.".strip()


class ByKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    target_class = "crm.api.access.ByKey"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key from Settings → API keys."}


def only_ours(endpoints: list[Any]) -> list[Any]:
    """The description itself is not described."""
    return [each for each in endpoints if each[0].startswith("/api/v1/") and "openapi" not in each[0]]


def strict(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Say that names which are none are refused, as `Body` does, and that what is shown may be empty.

    Patterns are for what is sent; the generator's own marks are dropped.
    """
    for name, schema in result.get("components", {}).get("schemas", {}).items():
        if name.endswith("Request") and schema.get("type") == "object":
            schema["additionalProperties"] = False
        elif not name.endswith("Request"):
            for shown in schema.get("properties", {}).values():
                shown.pop("pattern", None)
    plain: dict[str, Any] = _unmarked(result)
    return plain


def _unmarked(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _unmarked(inner) for name, inner in part.items() if name != "x-spec-enum-id"}
    return [_unmarked(inner) for inner in part] if isinstance(part, list) else part
