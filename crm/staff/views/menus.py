"""Where one can go: places, settings, what the palette does; each as far as the role and what is in use allow."""

from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from crm.staff import queries
from crm.staff.models import User

# Configuration pages in groups: address name, the right it takes, what it is. Other apps are named by string.
SETTINGS = [
    (
        _("You"),
        [
            ("you", "read", _("How it looks and reads"), _("Language, time zone, numbers and dates, light or dark.")),
            ("mfa_index", "read", _("Login and security"), _("Password, second step, and where you are logged in.")),
            ("captures", "write_account", _("Mail from your own mailbox"), _("The BCC address that takes it in.")),
            ("keys", "read", _("Keyboard"), _("What can be done without the mouse.")),
        ],
    ),
    (
        _("The account book"),
        [
            ("plans", "read", _("Plans"), _("What customers buy, and the features that each plan includes.")),
            ("features", "read", _("Features"), _("What the product does, and from when on use of it is meaningful.")),
            ("traits", "read", _("Traits"), _("What else is known about accounts, with its type and unit.")),
            ("calendars", "read", _("Hours and holidays"), _("When we are there for whom, by country and weekday.")),
            ("response-targets", "read", _("First answers"), _("How soon customers hear from us, by channel.")),
            ("cover", "write_account", _("Cover"), _("Who looks after whose accounts while somebody is away.")),
            ("tags", "configure", _("Tags"), _("Words that accounts are marked with; rename one everywhere at once.")),
        ],
    ),
    (
        _("Health"),
        [
            (
                "onboarding-plans",
                "read",
                _("Onboarding plans"),
                _("What customers go through at first, and by when."),
            ),
            ("scorecards", "read", _("Scorecards"), _("Which measures make a score, with their weights and limits.")),
            ("pipeline", "read_sources", _("Pipeline"), _("When each step of the calculation last ran.")),
        ],
    ),
    (
        _("What comes in and goes out"),
        [
            ("events", "read_sources", _("Events"), _("Names that events came under, and the features they feed.")),
            ("sources", "read_sources", _("Sources"), _("Who sends usage, with which keys, and what was refused.")),
            ("api-keys", "read", _("API keys"), _("What other programs come in with, for whom and until when.")),
            (
                "webhooks",
                "manage_keys",
                _("Webhooks"),
                _("Which systems are told what happens here, and what came of it."),
            ),
            ("api-reference", "read", _("API reference"), _("Every call that programs can make, with its fields.")),
            ("imports", "import", _("Imports"), _("Files that were taken over, and their refused rows.")),
            ("exports", "export", _("Exports"), _("Every list as a file, to keep or to work on elsewhere.")),
            ("mail-files", "read_sources", _("Mail"), _("What was sent, or written to files without a server.")),
        ],
    ),
    (
        _("The installation"),
        [
            ("people", "manage_users", _("People"), _("Who works here, with which role, and who is invited.")),
            ("erasures", "erase", _("Erased people"), _("Who was erased at their own wish, and how far it has come.")),
            ("teams", "manage_users", _("Teams"), _("Groups of reps under a manager, who may share accounts.")),
            ("installation", "manage_users", _("Names and rights"), _("Our names, who sees what, currency, sending.")),
            ("audit", "read_audit", _("Record"), _("Who did what, when, and what it was before.")),
            ("admin:index", "admin", _("Admin"), _("Every table of the account book, row by row, with its record.")),
            ("gallery", "configure", _("Gallery"), _("The parts that pages are made of, with their states.")),
        ],
    ),
]


UNDER_ACCOUNTS = (
    "portfolio", "renewals", "forecast", "account", "contact", "subscription", "payment", "goal", "task", "promise",
    "segment", "view-", "conversation", "onboardings", "onboarding-steps",
    "onboarding-begin",
)  # fmt: skip
# The page of each place, its letter after "g", its word, and how the names of the pages within it begin.
PLACES = [
    ("today", "t", _("Today"), ("today", "draft")),
    ("portfolio", "a", _("Accounts"), UNDER_ACCOUNTS),
    ("playbooks", "p", _("Playbooks"), ("playbook",)),
    ("surveys", "s", _("Surveys"), ("survey", "wave")),
    ("numbers", "n", _("Numbers"), ("numbers",)),
]

# Parts that join the menus once they are used; before that, admins find them under Settings.
NOT_YET = [
    ("renewals", _("Renewals"), _("What renews when. It joins the menus once a subscription is known.")),
    ("promises", _("Promises"), _("What we said that we would do. They join the menus with the first one.")),
    ("conversations", _("Conversations"), _("What customers wrote to us. They join the menus with the first one.")),
    ("onboardings", pgettext_lazy("page", "Onboarding"), _("Who is new and how far. It joins the menus with a plan.")),
    ("playbooks", _("Playbooks"), _("Recipes that a signal starts. They join the menus once one has begun.")),
    ("surveys", _("Surveys"), _("What customers say when asked. They join the menus once one is written.")),
]

# What can be done from anywhere: address name, the right it takes, the words, and what is posted (None: it is a page).
DOINGS: list[tuple[str, str, Any, dict[str, str] | None]] = [
    ("renewals", "read", _("Renewals"), None),
    ("promises", "read", _("Promises"), None),
    ("conversations", "read", _("Conversations"), None),
    ("onboardings", "read", pgettext_lazy("page", "Onboarding"), None),
    ("account-new", "write_account", _("New account"), None),
    ("survey-new", "configure", _("New survey"), None),
    ("plan-new", "configure", _("New plan"), None),
    ("feature-new", "configure", _("New feature"), None),
    ("trait-new", "configure", _("New trait"), None),
    ("source-new", "manage_keys", _("New source"), None),
    ("api-key-new", "manage_keys", _("New API key"), None),
    ("set-preferences", "read", _("Appearance: light"), {"theme": "light"}),
    ("set-preferences", "read", _("Appearance: dark"), {"theme": "dark"}),
    ("set-preferences", "read", _("Appearance: as the device"), {"theme": "system"}),
    ("set-preferences", "read", _("Rows: regular"), {"density": "regular"}),
    ("set-preferences", "read", _("Rows: tighter"), {"density": "compact"}),
    *(("set-preferences", "read", name, {"language": code}) for code, name in settings.LANGUAGES),
    ("account_logout", "read", _("Log out"), {}),
]


class Command(NamedTuple):
    """Something to go to, or to do at once when there are `fields` to post."""

    words: str
    url: str
    fields: dict[str, str] | None = None


def commands_for(user: User, q: str) -> list[Command]:
    """Places, actions and, once something is typed, settings that the person may use; all words of `q` are in them."""
    wanted = q.casefold().split()
    site = get_urlconf() or settings.ROOT_URLCONF
    every = _commands(user.role, get_language(), site, queries.ground_of(user).used) if user.is_active else ()
    return [
        command
        for command, words, is_setting in every
        if (q or not is_setting) and all(word in words for word in wanted)
    ]


@lru_cache(maxsize=64)
def _commands(
    role: str, _language: str | None, _site: str, used: frozenset[str]
) -> tuple[tuple[Command, str, bool], ...]:
    """All commands of a role in one language, each with the words that find it, and whether it is a setting."""
    one = User(role=role)
    places = [Command(str(each[2]), address(each[0])) for each in PLACES if in_use(each[0], used)]
    pages = [Command(word, url) for _group, rows in settings_for(one, used) for url, word, _sentence in rows]
    doings = [
        Command(str(words), address(name), fields)
        for name, verb, words, fields in DOINGS
        if one.may(verb) and in_use(name, used)
    ]
    groups = ((places, False), (pages, True), (doings, False))
    return tuple((each, each.words.casefold(), flag) for group, flag in groups for each in group if each.url)


def in_use(name: str, used: frozenset[str]) -> bool:
    """Whether a page is no part that stays hidden until it is used, or one that is."""
    return name not in queries.PARTS or name in used


def settings_for(user: User, used: frozenset[str], q: str = "") -> list[tuple[Any, list[tuple[str, str, str]]]]:
    """(group, its pages as address, word, sentence): those that exist, that the person may open and `q` speaks of.

    Parts that nobody uses yet are there for the admins.
    """
    wanted = q.casefold().split()
    groups = []
    hidden = [(name, "admin", words, sentence) for name, words, sentence in NOT_YET if not in_use(name, used)]
    for group, pages in [*SETTINGS, (_("Not used yet"), hidden)]:
        rows = [
            (at, str(words), str(sentence))
            for name, verb, words, sentence in pages
            if (user.is_staff if verb == "admin" else user.may(verb))
            and (user.is_staff or in_use(name, used))
            and (at := address(name))
        ]
        found = [row for row in rows if all(word in f"{group} {row[1]} {row[2]}".casefold() for word in wanted)]
        if found:
            groups.append((group, found))
    return groups


def address(name: str) -> str:
    """The address of a page without parameters; empty where its app is absent."""
    return _address(name, get_urlconf() or settings.ROOT_URLCONF, get_script_prefix())


@lru_cache(maxsize=256)
def _address(name: str, urlconf: str, prefix: str) -> str:
    try:
        return reverse(name, urlconf)
    except NoReverseMatch:
        return ""
