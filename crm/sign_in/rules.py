"""How often may be guessed, how long a link lasts, and what a browser is called: numbers and words only."""

from datetime import datetime, timedelta
from math import ceil

GUESSES = 10  # evaluated per account, or per device that it has logged in from
PLACE_GUESSES = 100  # evaluated per network address, over all accounts, from devices that nobody has logged in from
RESETS = 3  # mails with a password link per address
WINDOW = timedelta(minutes=15)

FIRST_ADMIN, INVITATION, PASSWORD = "first_admin", "invitation", "password"
LIFETIMES = {FIRST_ADMIN: timedelta(hours=24), INVITATION: timedelta(days=7), PASSWORD: timedelta(hours=1)}

SEEN = "seen_at"  # when a session was last noted to live, within the session itself
MAIL_ATTEMPTS = 5
KEPT = timedelta(days=30)  # how long a link stays on record after its end

# What a browser says of itself holds the names of its rivals too, so the order counts.
BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def minutes_until(free: datetime, at: datetime) -> int:
    """Whole minutes to wait, rounded up; at least one."""
    return max(1, ceil((free - at) / timedelta(minutes=1)))


def retry_after(attempts: int) -> timedelta:
    """How long an attempt holds a mail, and the next one waits: longer each time, an hour in all."""
    return timedelta(minutes=2 << attempts)


def device(user_agent: str) -> tuple[str, str]:
    """(browser, system) as people call them; empty where the text names none that we know."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    return browser, system
