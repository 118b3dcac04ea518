"""Mail that reps send from their own mailbox, handed in by whatever program took it in."""

from typing import Any

from rest_framework import serializers

from crm.api.bodies import Body, Text
from crm.api.nouns import Readable, Shape
from crm.captures import actions
from crm.captures.forms import incoming
from crm.captures.models import CapturedMail

MAIL_LIMIT = 1_000_000


class CapturedMailShape(Shape):
    class Meta:
        model = CapturedMail
        fields = ("id", "state", "sent_at", "captured_at")


class CapturedMailBody(Body):
    recipient = Text(max_length=254, help_text="the capture address of the envelope")
    message = serializers.CharField(
        max_length=MAIL_LIMIT, trim_whitespace=False, help_text="the mail, as RFC 5322 has it"
    )


class CapturedMails(Readable):
    """Mail that came to the capture address of the key's owner; what became of it, without its words."""

    group = "conversations"
    serializer_class = CapturedMailShape
    takes = {"create": CapturedMailBody}
    silent = frozenset({"create"})

    def rows(self) -> Any:
        return CapturedMail.objects.filter(user=self.request.user)

    def create(self, request: Any) -> Any:
        """Hand a mail over that a provider took in; answered alike whatever is in it, so that nothing bounces."""
        given, at = self.given(), request.now
        found = incoming(given["message"].encode(), recipient=given["recipient"], now=at)
        return self.written(lambda: actions.hand_in(found, at=at, by=request.user))
