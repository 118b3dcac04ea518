"""Pictures of our pages beside those of the design, taken from the demo in a headless Chromium, written as small WebP.

`make screens` writes docs/screens/; the design's own pictures are read from ../shared/design where that is there.
"""

import argparse
import base64
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Any, NamedTuple
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
AS_WEBP = """async (png) => {
  const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
  canvas.getContext("2d").drawImage(picture, 0, 0);
  return canvas.toDataURL("image/webp", 0.86).split(",")[1];
}"""


class Shot(NamedTuple):
    """A page as one of the demo's people sees it; `name` is that of the picture in the design, if there is one."""

    name: str
    person: str
    path: str
    width: int = 1280
    height: int = 860
    theme: str = "light"


def shots(account: int, korean: int, card: int, token: str) -> list[Shot]:
    return [
        Shot("account-light", "mina", f"/accounts/{account}/"),
        Shot("account-dark", "mina", f"/accounts/{account}/", theme="dark"),
        Shot("today-ko", "sora", "/today/", height=620),
        Shot("scorecard", "olga", f"/settings/scorecards/{card}/draft/", height=960),
        Shot("scorecard-phone", "olga", f"/settings/scorecards/{card}/draft/", width=390, height=844, theme="dark"),
        Shot("review", "olga", f"/settings/scorecards/{card}/draft/review/", height=800),
        Shot("survey-ko", "", f"/s/{token}/?score=8", width=500, height=780),
        Shot("account-ko", "sora", f"/accounts/{korean}/"),
        Shot("portfolio-ko", "sora", "/accounts/", height=800),
        Shot("playbooks-ko", "sora", "/playbooks/", height=800),
        Shot("settings-ko", "sora", "/settings/", height=800),
        Shot("renewals-ko", "sora", "/renewals/", height=800),
        Shot("record", "olga", "/settings/audit/?who=user:1", height=800),
        Shot("history-ko", "sora", f"/accounts/{korean}/history/", height=800),
        Shot("account-phone", "mina", f"/accounts/{account}/", width=390, height=844),
        Shot("portfolio", "mina", "/accounts/", height=800),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--design", type=Path, default=ROOT.parent / "shared/design")
    parser.add_argument("--to", type=Path, default=ROOT / "docs/screens")
    asked = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    from benchmarks.own_folder import own_folder

    with own_folder("screens") as var:
        os.environ |= {"HOLDFAST_VAR": var, "PORT": str(port), "DJANGO_SETTINGS_MODULE": "crm.settings"}
        with demo(port):
            take(f"http://localhost:{port}", asked.design, asked.to)


@contextmanager
def demo(port: int) -> Iterator[None]:
    """The whole product with the demo company, until the block ends."""
    running = subprocess.Popen([sys.executable, str(ROOT / "manage.py"), "up", "--demo"], stdout=subprocess.DEVNULL)
    try:
        for _second in range(600):
            try:
                urlopen(f"http://localhost:{port}/healthz", timeout=5)
                break
            except OSError:
                sleep(1)
        yield
    finally:
        running.terminate()
        running.wait(60)


def take(site: str, design: Path, to: Path) -> None:
    import django
    from django.conf import settings
    from playwright.sync_api import sync_playwright

    django.setup()
    to.mkdir(parents=True, exist_ok=True)
    account, korean, card, token, cookies = what_to_show()
    chromium = shutil.which("chromium") or sys.exit("Pictures need chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        press = browser.new_page()
        for shot in shots(account, korean, card, token):
            context = browser.new_context(
                viewport={"width": shot.width, "height": shot.height},
                color_scheme="dark" if shot.theme == "dark" else "light",
                locale="ko-KR" if shot.name.endswith("-ko") else "en-GB",
            )
            if shot.person:
                context.add_cookies(
                    [{"name": settings.SESSION_COOKIE_NAME, "value": cookies[shot.person], "url": site}]
                )
            page = context.new_page()
            page.goto(site + shot.path, wait_until="networkidle")
            write(press, page.screenshot(), to / f"{shot.name}.webp")
            context.close()
            if (theirs := design / f"{shot.name}.png").exists():
                write(press, theirs.read_bytes(), to / f"{shot.name}-design.webp")
        browser.close()


def what_to_show() -> tuple[int, int, int, str, dict[str, str]]:
    """An account with a story, one in Korea, a drafted scorecard, a survey's link in Korean, everybody's session."""
    from django.conf import settings
    from django.test import Client

    from crm.accounts.models import Account
    from crm.staff.models import User
    from feedback.invitations.models import Invitation
    from feedback.invitations.queries import token_of

    account = Account.objects.system("screens").get(name="Nordwind Logistics")
    asked = Invitation.objects.system("screens").filter(language="ko").order_by("pk")
    unanswered = next(row for row in asked if row.expires_at and not answered(row.pk))
    cookies = {}
    for person in ("mina", "sora", "olga"):
        client = Client()
        client.force_login(User.objects.get(email__startswith=f"{person}@"))
        cookies[person] = client.cookies[settings.SESSION_COOKIE_NAME].value
    korean = Account.objects.system("screens").filter(owner__email__startswith="sora@").order_by("name")
    return account.pk, korean[0].pk, drafted(User.objects.get(email__startswith="olga@")), token_of(unanswered), cookies


def drafted(by: Any) -> int:
    """The default scorecard, with a draft in which the first measure weighs twice as much as it did."""
    from django.utils import timezone

    from retention.scorecards.actions import keep_row, start_draft
    from retention.scorecards.models import ScorecardMeasure
    from retention.scorecards.queries import default_version

    version = default_version() or sys.exit("The demo has no scorecard.")
    draft = start_draft(version, at=timezone.now(), by=by)
    first = ScorecardMeasure.objects.filter(version=draft).order_by("position")[0]
    first.weight *= 2
    keep_row(first, at=timezone.now(), by=by)
    return version.scorecard_id


def answered(invitation: int) -> bool:
    from feedback.answers.models import Answer

    return Answer.objects.system("screens").filter(invitation=invitation).exists()


def write(press: Any, png: bytes, path: Path) -> None:
    path.write_bytes(base64.b64decode(press.evaluate(AS_WEBP, base64.b64encode(png).decode())))
    sys.stdout.write(f"{path.relative_to(path.parents[2])}: {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
