"""Form fields that pass the input gate, and the step from an action's refusal to an error at its field."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from types import TracebackType
from typing import Any

from babel.numbers import NumberFormatError, format_decimal, parse_decimal
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from crm.lib.formats import number_locale
from crm.lib.gate import Refused, clean_text
from crm.lib.money import currency_choices
from crm.lib.places import language_choices, zone_choices

NO_DAY = _("Enter a day as year-month-day, such as 2026-11-21.")


class Text(forms.CharField):
    """One line of text through the gate. There is no maxlength: a browser would cut a paste without a word."""

    def __init__(self, *, limit: int = 255, **more: Any) -> None:
        self.limit = limit
        super().__init__(strip=False, **more)

    def to_python(self, value: Any) -> str:
        try:
            return clean_text(super().to_python(value) or "", self.limit)
        except Refused as refused:
            raise ValidationError(str(refused.reason), code="refused") from refused


class LongText(forms.CharField):
    """Several lines through the gate, with line ends as the outbox writes them."""

    def __init__(self, *, limit: int, rows: int = 16, **more: Any) -> None:
        self.limit = limit
        super().__init__(strip=False, widget=forms.Textarea(attrs={"rows": rows}), **more)

    def to_python(self, value: Any) -> str:
        try:
            return clean_text(str(super().to_python(value) or "").replace("\r\n", "\n"), self.limit)
        except Refused as refused:
            raise ValidationError(str(refused.reason), code="refused") from refused


class Words(Text):
    """Several words in one line, parted by commas; repeated ones count once, in their order."""

    def __init__(self, *, each: int, **more: Any) -> None:
        self.each = each
        super().__init__(limit=2000, **more)

    def clean(self, value: Any) -> Any:
        words = list(dict.fromkeys(word.strip() for word in str(super().clean(value)).split(",") if word.strip()))
        if too_long := [word for word in words if len(word) > self.each]:
            text = _("“%(word)s …” is longer than %(limit)s characters. Shorten it, or part it by a comma.")
            raise ValidationError(text, params={"word": too_long[0][:20], "limit": self.each})
        return words

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value


class Suggesting(forms.TextInput):
    """A line of text with words to choose from; anything else may be typed as well."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self.words = words

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        listed = f"{name}-words"
        box = super().render(name, value, {**(attrs or {}), "list": listed}, renderer)
        options = format_html_join("", '<option value="{}"></option>', ((word,) for word in self.words))
        return format_html('{}<datalist id="{}">{}</datalist>', box, listed, options)


class Day(forms.DateField):
    """A day in ISO form, which is what a browser's date field sends."""

    def __init__(self, **more: Any) -> None:
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        super().__init__(widget=widget, input_formats=["%Y-%m-%d"], error_messages={"invalid": NO_DAY}, **more)


class Amount(forms.DecimalField):
    """An amount as the reader writes numbers: 1,240.50 here, 1.240,50 there; plain digits with a point everywhere.

    What could be read in two ways is read in the reader's own, and what is neither is asked about.
    """

    widget = forms.TextInput

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.widget.attrs |= {"inputmode": "decimal"}

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]  # the stubs have an integer here
        if isinstance(value, Decimal):
            return value
        try:
            typed = clean_text(str(value or ""), 40)
        except Refused as refused:
            raise ValidationError(str(refused.reason), code="refused") from refused
        if not typed:
            return None
        for digits in (self._as_mine(typed), typed):
            if digits and re.fullmatch(r"-?[0-9]{1,20}(\.[0-9]{1,6})?", digits):
                return Decimal(digits)
        example = format_decimal(Decimal("1240.5"), "#,##0.00", number_locale())
        words = _("“%(typed)s” is not a number as you write them. Write it such as %(example)s.")
        raise ValidationError(words, code="invalid", params={"typed": typed[:20], "example": example})

    def _as_mine(self, typed: str) -> str:
        """The digits of a number in the reader's own writing, grouped or not; empty when it is none."""
        try:
            return f"{parse_decimal(typed, locale=number_locale(), strict=True):f}"
        except NumberFormatError:
            return ""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Decimal):
            return value
        return format_decimal(value, "0.00####", number_locale())


def currency_field(**more: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=_("Currency"), choices=lambda: currency_choices(get_language() or "en"), **more)


def zone_field(**more: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=_("Time zone"), choices=lambda: _optional(zone_choices(), more), **more)


def language_field(**more: Any) -> forms.ChoiceField:
    def choices() -> list[tuple[str, str]]:
        return _optional(language_choices(get_language() or "en"), more)

    return forms.ChoiceField(label=_("Language"), choices=choices, **more)


def _optional(choices: tuple[tuple[str, str], ...], more: dict[str, Any]) -> list[tuple[str, str]]:
    return list(choices) if more.get("required", True) else [("", str(_("As the account"))), *choices]


@contextmanager
def refusals_told(request: HttpRequest) -> Iterator[None]:
    """Whatever the block's action refuses is said on the next page, and the block is left; for buttons, not forms."""
    try:
        yield
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))


class refusals:  # noqa: N801 - read as `with refusals(form):`
    """Whatever the block's action refuses stands at the form's fields, and the block is left.

    An error that names no field of the form stands above it, or at `field`.
    """

    def __init__(self, form: forms.BaseForm, field: str | None = None) -> None:
        self.form, self.field = form, field

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, ValidationError):
            return False
        named = error.error_dict if hasattr(error, "error_dict") else {"": error.error_list}
        for field, errors in named.items():
            for each in errors:
                self.form.add_error(field if field in self.form.fields else self.field, each)
        return True
