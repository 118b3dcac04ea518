"""Which column of a stranger's table is which of ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crm.imports import rules
from crm.lib.csv_files import Unreadable
from crm.lib.gate import Refused


@dataclass(frozen=True)
class Layout:
    """Where in a row each of our columns stands. `unused` are theirs that we do not read."""

    kind: str
    places: Mapping[str, int]
    header: tuple[str, ...]
    unused: tuple[str, ...] = ()
    preset: rules.Preset = field(default_factory=rules.Preset)
    date_order: str = ""
    users_per_account: bool = False

    def cells(self, row: list[str]) -> dict[str, str]:
        """The row's cells by our names, an absent column being absent; raises Refused for a row of another width."""
        if len(row) != len(self.header):
            words = gettext_noop("The row does not fit the header: it has {found} in place of {expected} cells.")
            raise Refused(words, found=len(row), expected=len(self.header))
        cells = {name: rules.unguarded(row[place].strip()) for name, place in self.places.items()}
        if self.preset.adapt:
            self.preset.adapt(cells)
        return cells

    def with_order(self, date_order: str, *, users_per_account: bool) -> "Layout":
        per_account = users_per_account or self.preset.users_per_account
        return replace(self, date_order=date_order, users_per_account=per_account)

    @property
    def traits(self) -> list[str]:
        return [name for name in self.places if name.startswith(rules.TRAIT_PREFIX)]


def lay_out(kind: str, header: tuple[str, ...], *, columns: Mapping[str, str], preset: str = "") -> Layout:
    """Find our columns in a file's header; `columns` (ours → theirs) goes before the preset and the synonyms.

    Raises Unreadable when a named column is not there, two columns mean the same or a needed one is missing.
    """
    chosen = rules.PRESETS[preset][kind] if preset else rules.Preset()
    named = dict(chosen.columns) | {extra: extra for extra in chosen.extra if extra in header} | dict(columns)
    places = {ours: _place(ours, theirs, header, kind, chosen) for ours, theirs in named.items()}
    # A column of exactly our name goes before those that go by another name.
    for means in (_is_ours, _goes_by):
        found = {place: means(kind, name) for place, name in enumerate(header) if place not in places.values()}
        _add(places, {place: ours for place, ours in found.items() if ours and ours not in places}, header)
    _nothing_missing(kind, places, header)
    unused = tuple(name for place, name in enumerate(header) if place not in places.values())
    return Layout(kind, places, header, unused, chosen)


def _is_ours(kind: str, name: str) -> str:
    if kind == rules.ACCOUNTS and name.lower().startswith(rules.TRAIT_PREFIX):
        return rules.TRAIT_PREFIX + name[len(rules.TRAIT_PREFIX) :].strip()
    plain = rules.plain_name(name)
    return plain if plain in rules.KINDS[kind].columns else ""


def _goes_by(kind: str, name: str) -> str:
    plain = rules.plain_name(name)
    return next((ours for ours, synonyms in rules.KINDS[kind].columns.items() if plain in synonyms), "")


def _add(places: dict[str, int], found: Mapping[int, str], header: tuple[str, ...]) -> None:
    for place, ours in found.items():
        if ours in places:
            words = _("Two columns are read as {ours}: {first} and {second}. Say which with --column {ours}=…")
            raise Unreadable(words, ours=ours, first=header[places[ours]][:60], second=header[place][:60])
        places[ours] = place


def _place(ours: str, theirs: str, header: tuple[str, ...], kind: str, preset: rules.Preset) -> int:
    trait = kind == rules.ACCOUNTS and ours.startswith(rules.TRAIT_PREFIX)
    if ours not in rules.KINDS[kind].columns and ours not in preset.extra and not trait:
        words = _("{ours} is not a column of {kind}. These are: {known}.")
        raise Unreadable(words, ours=ours, kind=kind, known=", ".join(rules.KINDS[kind].columns))
    found = [place for place, name in enumerate(header) if name.casefold() == theirs.strip().casefold()]
    if not found:
        words = _("The file has no column {theirs}. Its columns are: {header}.")
        raise Unreadable(words, theirs=theirs, header=_listed(header))
    if len(found) > 1:
        raise Unreadable(_("The file has {count} columns named {theirs}."), count=len(found), theirs=theirs)
    return found[0]


def _nothing_missing(kind: str, places: Mapping[str, int], header: tuple[str, ...]) -> None:
    for group in rules.KINDS[kind].required:
        if not any(name in places for name in group):
            words = _("The file has no column {needed}. Its columns are: {header}. Name one with --column {first}=…")
            raise Unreadable(words, needed=" / ".join(group), header=_listed(header), first=group[0])


def _listed(header: tuple[str, ...]) -> str:
    shown = ", ".join(name[:60].encode("utf-8", "replace").decode() for name in header[:40])
    return f"{shown} …" if len(header) > 40 else shown
