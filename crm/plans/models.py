"""Plans and features: what can be bought, and what the product does."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Feature(models.Model):
    """Something the product does, fed by named events.

    `threshold` is the meaningful use of an account over 28 days, in uses or, when `counts_amount`, in `unit`.
    `key` marks what sets the product apart: breadth counts key features only.
    """

    key = models.SlugField(_("key"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=120)
    is_key = models.BooleanField(_("key feature"), default=False)
    counts_amount = models.BooleanField(_("sums a property"), default=False)
    unit = models.CharField(_("unit"), max_length=40, blank=True, help_text=_("such as trips, minutes, euros"))
    threshold = models.PositiveIntegerField(_("meaningful from, in 28 days"), default=1)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.CheckConstraint(condition=models.Q(threshold__gte=1), name="feature_threshold_positive")]

    def __str__(self) -> str:
        return self.name


class Plan(models.Model):
    """What an account subscribes to. `includes_everything` stands for a plan without a list of its own."""

    external_id = models.CharField(_("external id"), max_length=255, unique=True)
    name = models.CharField(_("name"), max_length=120)
    includes_everything = models.BooleanField(_("includes every feature"), default=False)
    features = models.ManyToManyField(Feature, related_name="+", blank=True, verbose_name=_("features"))

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name
