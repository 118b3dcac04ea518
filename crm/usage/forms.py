"""What an admin says about many event names at once."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.lib.fields import Text
from crm.plans.models import Feature
from crm.usage.models import EventName


class MeaningsForm(forms.Form):
    """Three fields per event name: its feature, whether it counts as use, and the property to sum."""

    def __init__(self, events: Iterable[EventName], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.events = list(events)
        features = Feature.objects.order_by("-is_key", "name", "pk")
        choices = [("", _("not mapped")), *((str(feature.pk), feature.name) for feature in features)]
        self.features = {str(feature.pk): feature for feature in features}
        for event in self.events:
            names = {"event": event.name}
            chosen = str(event.feature_id or "")
            self.fields[f"feature-{event.pk}"] = forms.ChoiceField(
                label=_("Feature of %(event)s") % names, choices=choices, required=False, initial=chosen
            )
            self.fields[f"use-{event.pk}"] = forms.BooleanField(
                label=_("%(event)s counts as use") % names, required=False, initial=event.is_use
            )
            self.fields[f"property-{event.pk}"] = Text(
                label=_("Property of %(event)s to sum") % names,
                limit=120,
                required=False,
                initial=event.amount_property,
            )

    def meanings(self) -> dict[str, tuple[Feature | None, bool, str]]:
        """By event name: (feature, counts as use, property)."""
        given = self.cleaned_data
        return {
            event.name: (
                self.features.get(given[f"feature-{event.pk}"]),
                given[f"use-{event.pk}"],
                given[f"property-{event.pk}"],
            )
            for event in self.events
        }

    def rows(self) -> Iterable[dict[str, Any]]:
        """Each event with its three bound fields, for the page."""
        for event in self.events:
            yield {"event": event} | {name: self[f"{name}-{event.pk}"] for name in ("feature", "use", "property")}
