"""What the answers of a wave say, as far as the reader may see."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from crm.exports.queries.book import streamed
from crm.exports.queries.house import at
from crm.exports.rules import Asked, Cell, Export, Table, number_in, tabled
from crm.lib.intervals import Interval
from crm.outbox.models import MailState
from crm.staff.models import User
from feedback.answers import rules
from feedback.answers.models import Answer
from feedback.invitations import queries as invitations
from feedback.invitations.models import Invitation
from feedback.invitations.rules import COULD_HAVE
from feedback.surveys.models import Wave
from feedback.surveys.queries import surveys

EDITABLE = timedelta(hours=24)
PAGE = 50


@dataclass(frozen=True)
class Result:
    """One wave among the customers that the reader sees.

    `asked` got an invitation, `delivered` are those whose mail went out, `population` could have been asked.
    `set_aside` answers came from scanners or our own network and are in no other figure. `left_out`: reason →
    how many were not asked for it.
    """

    asked: int
    delivered: int
    population: int
    scores: dict[int, int]
    set_aside: int
    left_out: dict[str, int]

    @property
    def counts(self) -> rules.Tally:
        return rules.tally(self.scores)

    @property
    def n(self) -> int:
        return self.counts.total

    @property
    def enough(self) -> bool:
        return rules.enough(self.n, self.population)

    @property
    def net(self) -> float:
        return rules.net(self.counts)

    @property
    def margin(self) -> Interval | None:
        return rules.margin(self.counts, self.population)

    @property
    def response_share(self) -> float | None:
        """Answers over delivered mails, 0..1; None while nothing was delivered."""
        return self.n / self.delivered if self.delivered else None

    @property
    def bins(self) -> list[tuple[float, float, int]]:
        return [(score, score, self.scores.get(score, 0)) for score in rules.SCORES]


def result(wave: Wave, user: User) -> Result:
    """Count a wave in three queries, however large it is."""
    asked = Invitation.objects.visible_to(user).filter(wave=wave)
    # Whoever answered had the mail, whatever the server said about it.
    delivered = Q(mail__state=MailState.SENT) | Q(pk__in=Answer.objects.system("ids only").values("invitation"))
    sums = asked.aggregate(asked=Count("pk"), delivered=Count("pk", filter=delivered))
    answers = Answer.objects.visible_to(user).filter(invitation__wave=wave)
    rows = answers.values_list("score", "set_aside").annotate(n=Count("pk")).order_by("score", "set_aside")
    scores: dict[int, int] = {}
    aside = 0
    for score, set_aside, n in rows:
        if set_aside:
            aside += n
        else:
            scores[score] = scores.get(score, 0) + n
    left_out = invitations.not_asked_counts(wave, user)
    population = sums["asked"] + sum(left_out.get(reason, 0) for reason in COULD_HAVE)
    return Result(sums["asked"], sums["delivered"], population, scores, aside, left_out)


@dataclass(frozen=True)
class Page:
    """One screenful of answers, the newest first, and the cursor of the next."""

    rows: list[Answer]
    next: int | None


def answers(wave: Wave, user: User, *, after: int = 0) -> Page:
    """Answers older than the id `after` (0: the newest), without those set aside."""
    rows = Answer.objects.visible_to(user).filter(invitation__wave=wave, set_aside="")
    if after:
        rows = rows.filter(pk__lt=after)
    found = list(rows.select_related("account", "contact").order_by("-pk")[: PAGE + 1])
    return Page(found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None)


def answer_of(invitation: Invitation) -> Answer | None:
    return (
        Answer.objects.system("whoever holds the signed link is the person invited")
        .filter(invitation=invitation)
        .first()
    )


def editable(answer: Answer, *, at: datetime) -> bool:
    """Whether the person may still change it."""
    return at < answer.answered_at + EDITABLE


# --- as files --------------------------------------------------------------------------------------------------------


def answers_table(asked: Asked) -> Table:
    """Those of one wave as its page has them; else all, with those set aside. An erased person's are left out."""
    rows = Answer.objects.visible_to(asked.user).filter(contact__erased_at=None).order_by("-pk")
    if wave := number_in(asked.state, "wave"):
        rows = rows.filter(invitation__wave=wave, set_aside="")
    return tabled(streamed(rows.select_related("account", "contact", "invitation__wave__survey")), ANSWER)


ANSWER: dict[str, Cell] = {
    "account": "account.external_id", "score": "score", "comment": "comment",
    "answered_on": lambda row: row.answered_at.astimezone(UTC).date(), "email": "contact.email",
    "external_id": "contact.external_id", "name": "contact.name", "survey": "invitation.wave.survey.name",
    "account_name": "account.name", "set_aside": "set_aside",
}  # fmt: skip


def surveys_table(_asked: Asked) -> Table:
    return tabled(surveys(), SURVEY)


SURVEY: dict[str, Cell] = {
    "name": "name", "kind": lambda row: row.get_kind_display(), "asked_by": "sender.name",
    "last_asked_at": at("last_at"), "asked": "last_asked", "could_be_asked": "last_eligible",
}  # fmt: skip

EXPORTS = [
    Export(rules.ANSWERS, _(rules.LABEL), _("What customers said, with score, reason and day."), answers_table,
           ("export", "read_contact_data")),
    Export("surveys", _("Surveys"), _("What was asked by whom, and of how many the last time."), surveys_table),
]  # fmt: skip
