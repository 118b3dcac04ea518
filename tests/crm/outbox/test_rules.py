"""Addresses, headers, rights and limits of mail, without a database."""

from datetime import timedelta

import pytest

from crm.accounts.rules import Holding
from crm.outbox import rules
from crm.outbox.rules import Sender, Unmailable

REP, LEAD = Sender(1, 7, "rep"), Sender(2, 7, "manager")
OPS, OTHER, STRANGER = Sender(3, None, "ops_admin"), Sender(4, 7, "rep"), Sender(5, 8, "manager")
MINE = Holding(owner_id=1, owner_team_id=7)


@pytest.mark.parametrize(
    ("address", "clean"),
    [
        ("Lena.Ahrens+crm@Customer.Example", "Lena.Ahrens+crm@customer.example"),
        ("lena@bücher.example", "lena@xn--bcher-kva.example"),
        ("레나@고객.example", "레나@xn--i49alo.example"),
        ("o'neil_x@sub.customer.example", "o'neil_x@sub.customer.example"),
    ],
)
def test_a_plain_address_is_mailable_with_its_domain_in_ascii(address: str, clean: str) -> None:
    assert rules.mailable(address) == clean


@pytest.mark.parametrize(
    "address",
    [
        "",
        "lena",
        "@customer.example",
        "lena@",
        "lena@customer..example",
        "lena@-customer.example",
        "a@b@customer.example",
        "lena@customer.example\r\nBcc: all@customer.example",
        "lena\n@customer.example",
        "lena ahrens@customer.example",
        "<lena@customer.example>",
        "lena@customer.example,omar@customer.example",
        '"lena"@customer.example',
        ".lena@customer.example",
        "le..na@customer.example",
        "-oQ@customer.example",
        f"{'l' * 65}@customer.example",
        f"lena@{'c' * 64}.example",
    ],
)
def test_what_could_end_an_address_early_is_refused(address: str) -> None:
    with pytest.raises(Unmailable):
        rules.mailable(address)


def test_an_address_is_known_again_however_it_is_written() -> None:
    salt = b"0123456789abcdef"
    assert rules.address_hash("Lena@BÜCHER.example", salt) == rules.address_hash(" lena@xn--bcher-kva.example", salt)
    assert rules.address_hash("lena@a.example", salt) != rules.address_hash("lena@a.example", b"another salt 16b")
    assert rules.same_address("Lena@a.example", "lena@A.example") is True


@pytest.mark.parametrize("text", ["two\nlines", "two\rlines", "nul\0", "unit\u2028separator"])
def test_a_line_end_cannot_stand_in_a_header(text: str) -> None:
    assert rules.one_line(text) is False


def test_callers_set_three_headers_and_no_other() -> None:
    assert rules.clean_headers({"in-reply-to": "<1@a.example>"}) == {"In-Reply-To": "<1@a.example>"}
    for headers in ({"Bcc": "x@a.example"}, {"References": "<1@a>\r\nBcc: x@a.example"}, {"From": "x@a.example"}):
        with pytest.raises(Unmailable):
            rules.clean_headers(headers)


def test_text_cannot_move_between_hashed_parts_unseen() -> None:
    assert rules.body_hash("a", "bc") != rules.body_hash("ab", "c")
    assert rules.body_hash("a", "bc") == rules.body_hash("a", "bc")


def test_the_message_id_follows_from_key_and_installation() -> None:
    one = rules.message_id("follow-up:1", b"salt", "ours.example")
    assert one == rules.message_id("follow-up:1", b"salt", "ours.example")
    assert one.endswith("@ours.example>") and len(one) == 1 + 32 + len("@ours.example>")
    assert one != rules.message_id("follow-up:1", b"tlas", "ours.example")


def test_attempts_are_spread_over_an_hour() -> None:
    assert [rules.retry_in(n) // timedelta(minutes=1) for n in (1, 2, 3, 4, 5)] == [1, 5, 15, 60, 60]


@pytest.mark.parametrize(
    ("code", "words", "sender", "expected"),
    [
        (550, "5.1.1 no such user", False, True),
        (551, "gone", False, True),
        (553, "bad mailbox", False, True),
        (550, "5.7.1 blocked", False, False),
        (550, "5.1.8 bad sender", True, False),
        (554, "spam", False, False),
        (450, "later", False, False),
    ],
)
def test_a_hard_bounce_is_about_the_address(code: int, words: str, sender: bool, expected: bool) -> None:
    assert rules.is_hard_bounce(code, words, sender=sender) is expected


@pytest.mark.parametrize(
    ("kind", "unattended", "listed", "scopes"),
    [
        ("informational", False, "", {"everything", "informational"}),
        ("informational", True, "unattended", {"everything", "informational", "unattended"}),
        ("survey", False, "survey", {"everything", "survey"}),
        ("advertising", True, "advertising", {"everything", "advertising", "unattended"}),
        ("transactional", True, "", {"everything", "transactional", "unattended"}),
    ],
)
def test_each_kind_of_mail_has_its_own_way_out(kind: str, unattended: bool, listed: str, scopes: set[str]) -> None:
    assert (rules.listed(kind, unattended), rules.scopes(kind, unattended)) == (listed, frozenset(scopes))


@pytest.mark.parametrize(
    ("kind", "manual", "unattended", "reply", "ask"),
    [
        ("informational", True, False, False, False),
        ("informational", False, False, False, True),
        ("informational", True, True, False, True),
        ("survey", True, False, False, True),
        ("advertising", True, False, False, True),
        ("advertising", True, False, True, False),
        ("transactional", False, True, False, False),
    ],
)
def test_an_ask_is_what_nobody_wrote_by_hand_or_what_wants_something(
    kind: str, manual: bool, unattended: bool, reply: bool, ask: bool
) -> None:
    assert rules.is_ask(kind, manual=manual, unattended=unattended, reply=reply) is ask


@pytest.mark.parametrize(
    ("approver", "signer", "held", "shared", "expected"),
    [
        (REP, REP, MINE, False, True),
        (LEAD, REP, MINE, False, True),
        (LEAD, LEAD, MINE, False, True),
        (OTHER, REP, MINE, False, False),
        (OTHER, OTHER, MINE, False, False),
        (STRANGER, REP, MINE, False, False),
        (OPS, REP, MINE, False, False),
        (OPS, REP, MINE, True, True),
        (REP, REP, MINE, True, True),
        (OTHER, REP, MINE, True, False),
        (REP, REP, Holding(owner_id=9, owner_team_id=7), False, False),
        (REP, REP, Holding(pool_id=7), False, True),
        (LEAD, REP, Holding(owner_id=1, owner_team_id=7, restricted=True), False, False),
        (REP, Sender(1, 7, "rep", active=False), MINE, True, False),
        (Sender(1, 7, "rep", active=False), REP, MINE, True, False),
        (Sender(6, 7, "read_only"), REP, MINE, True, False),
    ],
)
def test_a_personal_mail_is_approved_by_its_signer_or_their_manager(
    approver: Sender, signer: Sender, held: Holding, shared: bool, expected: bool
) -> None:
    assert rules.approves(approver, signer, held, shared=shared) is expected


def test_eleven_hard_bounces_of_two_hundred_pause_sending_and_ten_do_not() -> None:
    assert (rules.pauses(10), rules.pauses(11)) == (False, True)


@pytest.mark.parametrize(
    ("words", "short"),
    [
        ("550 5.1.1 <lena@customer.example> unknown", "550 5.1.1"),
        ("250 2.0.0 queued as 42", "250 2.0.0"),
        ("451 lena@customer.example is busy", "451"),
        ("lena@customer.example? 550", ""),
        ("", ""),
    ],
)
def test_the_record_keeps_the_codes_of_an_answer_and_not_its_words(words: str, short: str) -> None:
    assert rules.said_in_short(words) == short
