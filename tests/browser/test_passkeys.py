"""A passkey from end to end, with the browser's own virtual authenticator."""

import pytest
from allauth.mfa.models import Authenticator

from crm.audit.models import AuditRow
from tests.browser.conftest import Watched, Watching
from tests.company import Company

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
# A platform authenticator, such as a laptop with a fingerprint reader, whose owner always agrees.
DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


def press(watched: Watched, words: str) -> str:
    """Press the button or link, and say where that led."""
    with watched.page.expect_navigation():
        watched.page.get_by_role("button", name=words, exact=True).click()
    return watched.page.url.removeprefix(watched.site)


def test_an_admin_sets_up_a_passkey_and_logs_in_with_it_alone_and_as_the_second_step(
    made: Company, watching: Watching
) -> None:
    ops = made.users["O"]
    Authenticator.objects.filter(user=ops).delete()
    watched = watching("-")
    page = watched.page
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})

    def with_the_password() -> str:
        watched.open("/login/")
        page.fill("[name=login]", ops.email)
        page.fill("[name=password]", "a good password")
        return press(watched, "Log in")

    assert with_the_password() == "/me/security/"
    assert watched.open("/me/security/passkey/") == []
    assert press(watched, "Add the passkey") == "/me/security/codes/"
    assert page.locator("pre").inner_text().count("\n") >= 9
    assert watched.open("/today/") == []

    page.context.clear_cookies()
    watched.open("/login/")
    assert press(watched, "Log in with a passkey") == "/today/"

    page.context.clear_cookies()
    assert with_the_password() == "/login/second-step/"
    assert press(watched, "Use my passkey") == "/today/"
    assert watched.faults == []

    ways = AuditRow.objects.filter(action="user.logged_in").order_by("id").values_list("after__how", flat=True)
    assert list(ways) == [["password"], ["mfa"], ["password", "mfa"]]
    assert AuditRow.objects.filter(action="user.second_factor_added", after={"kind": "webauthn"}).count() == 1
