"""Writing templates; the texts that the product brings along."""

from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.grammar import GrammarError
from crm.staff.models import User
from retention.messages import emails
from retention.messages.models import MessageTemplate
from retention.messages.queries import NAMES

_ENGLISH = """Hi {{ contact.first_name | default:"there" }},

{{ people.active }} of your {{ seats }} seats were in use over the last four weeks, against {{ people.before }} in the \
four weeks before. Your team's {{ use.feature }} came to {{ use.amount }} {{ use.unit | default:"uses" }}, \
after {{ use.before }}.

Your plan already includes {{ unused.feature | default:"everything you need to turn that around" }}. Shall I set it up \
with the people who would use it, 20 minutes on {{ meeting.day }}?

{{ owner.name }}
{{ owner.title | default:"Customer success" }}, {{ company }}
{{ owner.phone | default:"" }}"""

_KOREAN = """{{ contact.greeting }}, 안녕하세요.

최근 4주 동안 {{ seats }}석 중 {{ people.active }}석을 쓰셨습니다. 그 전 4주에는 {{ people.before }}석이었습니다. \
{{ use.feature | josa:"은/는" }} {{ use.amount }}{{ use.unit | default:"회" }}로, \
그 전에는 {{ use.before }}{{ use.unit | default:"회" }}였습니다.

지금 요금제에 {{ unused.feature | default:"필요한 기능" | josa:"이/가" }} 이미 들어 있습니다. \
{{ meeting.day }}에 20분 정도 \
실제로 쓰실 분들과 함께 설정해 볼까요?

{{ owner.name }} 드림
{{ company }} {{ owner.title | default:"고객 담당" }}
{{ owner.phone | default:"" }}"""

DEFAULTS = (
    ("value-falls", "en", "{{ people.active }} of {{ seats }} seats in use", _ENGLISH),
    ("value-falls", "ko", "{{ seats }}석 중 {{ people.active }}석 사용 중입니다", _KOREAN),
)


@transaction.atomic
def ensure_default_templates(*, at: datetime, by: Actor) -> None:
    """Make the texts that the product brings along, unless they are there (changed or not)."""
    for key, language, subject, body in DEFAULTS:
        row, made = MessageTemplate.objects.get_or_create(
            key=key, language=language, defaults={"subject": subject, "body": body}
        )
        if made:
            audit.record("template.created", row, at=at, by=by, after={"key": key, "language": language})


@transaction.atomic
def change_template(template: MessageTemplate, *, subject: str, body: str, at: datetime, by: User) -> None:
    """Save a template whose every name can be filled. Raises ValidationError at the field, in words."""
    if not by.may("configure"):
        raise PermissionDenied
    try:
        unknown = emails.check(subject, body, NAMES)
    except GrammarError as error:
        raise ValidationError({"body": _("This cannot be read: %(where)s") % {"where": error.where}}) from error
    if unknown:
        words = _("Nobody can fill %(names)s. Known names: %(known)s")
        values = {"names": ", ".join(unknown), "known": ", ".join(sorted(NAMES))}
        raise ValidationError({"body": words % values})
    before, after = audit.changes(template, {"subject": subject, "body": body})
    template.subject, template.body = subject, body
    template.save(update_fields=["subject", "body"])
    audit.record("template.changed", template, at=at, by=by, before=before, after=after)
