"""How the tests of the front door speak to it."""

import base64
import json
from typing import Any

from django.test import Client

from crm.sources.models import InboxBatch

TRACK = {"type": "track", "event": "Trip booked", "userId": "u1", "messageId": "m1"}
SUCCESS = {"success": True}


def basic(key: str, password: str = "") -> str:
    return "Basic " + base64.b64encode(f"{key}:{password}".encode()).decode()


def post(path: str, body: Any, key: str = "", **headers: str):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    if key:
        headers["authorization"] = basic(key)
    content_type = headers.pop("content_type", "application/json")
    return Client().post(path, raw, content_type=content_type, headers=headers)


def stored() -> list[dict[str, Any]]:
    return [json.loads(bytes(row.body)) for row in InboxBatch.objects.order_by("id")]
