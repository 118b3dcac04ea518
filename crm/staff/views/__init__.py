"""The gate of every page, the menus, and the pages of our own house."""

from crm.staff.views.gate import Request, View, form_page, needs, offer_undo, way_back
from crm.staff.views.menus import NOT_YET, PLACES, SETTINGS, Command, address, commands_for, in_use, settings_for
from crm.staff.views.pages import (
    KEYS,
    cover,
    end_cover,
    installation,
    keys,
    set_preferences,
    settings_index,
    team,
    teams,
    you,
)

__all__ = [
    "KEYS",
    "NOT_YET",
    "PLACES",
    "SETTINGS",
    "Command",
    "Request",
    "View",
    "address",
    "commands_for",
    "cover",
    "end_cover",
    "form_page",
    "in_use",
    "installation",
    "keys",
    "needs",
    "offer_undo",
    "set_preferences",
    "settings_for",
    "settings_index",
    "team",
    "teams",
    "way_back",
    "you",
]
