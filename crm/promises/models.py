"""Promises: what we said we would do, by whom, to whom, by when; and every turn that each of them took."""

from typing import ClassVar, Self

from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.accounts.models import Account, OfAccountQuerySet
from crm.contacts.models import Contact
from crm.lib.scope import ScopedModel
from crm.promises import rules
from crm.staff.models import User


class PromiseState(models.TextChoices):
    OPEN = rules.OPEN, _("Open")
    KEPT = rules.KEPT, _("Kept")
    BROKEN = rules.BROKEN, _("Broken")
    WITHDRAWN = rules.WITHDRAWN, _("Withdrawn")


class PromiseQuerySet(OfAccountQuerySet["Promise"]):
    def open(self) -> Self:
        return self.filter(state=PromiseState.OPEN)

    def settled(self) -> Self:
        return self.exclude(state=PromiseState.OPEN)


class Promise(ScopedModel):
    """Something promised to a customer. `state`, `due_on` and `settled_on` repeat its newest row of `PromiseChange`.

    Days are those of the account's zone. What was promised stays in the words in which it was: a promise is moved,
    withdrawn or made anew, never rewritten. `contact` null: to the account as a whole; `promised_by` null: by
    somebody who was never a user here. `settled_on` null: it is open.
    """

    is_said: ClassVar[bool] = True  # what people wrote, who may name somebody: kept out of the record

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    external_id = models.CharField(_("external id"), max_length=255, null=True, blank=True)
    text = models.CharField(_("what was promised"), max_length=500)
    contact = models.ForeignKey(Contact, models.PROTECT, null=True, related_name="+", verbose_name=_("to whom"))
    promised_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("by whom"))
    state = models.CharField(_("state"), max_length=9, choices=PromiseState.choices, default=PromiseState.OPEN)
    due_on = models.DateField(_("due"))
    settled_on = models.DateField(null=True)
    created_at = models.DateTimeField()

    objects = PromiseQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "due_on", "id"], name="promise_by_account"),
            models.Index(fields=["due_on", "id"], name="promise_open", condition=models.Q(state="open")),
            models.Index(fields=["promised_by", "due_on"], name="promise_by_user"),
            GinIndex(SearchVector("text", config="simple"), name="promise_search"),
            models.Index(fields=["-settled_on", "-id"], name="promise_settled", condition=~models.Q(state="open")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["account", "external_id"], name="promise_external_id_unique"),
            models.CheckConstraint(condition=models.Q(state__in=PromiseState.values), name="promise_state_known"),
            models.CheckConstraint(
                condition=models.Q(state="open", settled_on=None)
                | (~models.Q(state="open") & models.Q(settled_on__isnull=False)),
                name="promise_settled_on_a_day",
            ),
        ]

    def __str__(self) -> str:
        return self.text


class Turn(models.TextChoices):
    MADE = rules.MADE, _("Promised")
    MOVED = rules.MOVED, _("Moved")
    KEPT = rules.KEPT, _("Kept")
    BROKEN = rules.BROKEN, _("Broken")
    WITHDRAWN = rules.WITHDRAWN, _("Withdrawn")
    REOPENED = rules.REOPENED, _("Open again")


class PromiseChangeQuerySet(OfAccountQuerySet["PromiseChange"]):
    """Rows of an account; no words of their own yet."""


class PromiseChange(ScopedModel):
    """One turn of a promise; appended, never edited. The last one by (on, id) holds (crm.promises.rules.standing).

    `on` is when it came about, in the account's zone, `recorded_at` when we learned of it; `due_on` is what is due
    from then on. `recorded_by` null: a file or a program.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    promise = models.ForeignKey(Promise, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=9, choices=Turn.choices)
    on = models.DateField()
    due_on = models.DateField()
    why = models.CharField(max_length=300, blank=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = PromiseChangeQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["promise", "on", "id"], name="promise_turns"),
            models.Index(fields=["account", "-on", "-id"], name="promise_turns_by_account"),
            BrinIndex(fields=["recorded_at"], name="promise_turn_by_recording"),
        ]
        constraints = [models.CheckConstraint(condition=models.Q(kind__in=Turn.values), name="promise_turn_known")]

    def __str__(self) -> str:
        return f"{self.kind} on {self.on}"
