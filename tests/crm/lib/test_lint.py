"""The lint of messages: each rule once broken, and a good letter that passes them all."""

from dataclasses import replace

import pytest

from crm.lib.lint import Letter, Problem, lint

GOOD = Letter(
    subject="Nine of 25 planners",
    body=(
        "Hi Lena,\n\nnine of your 25 planners used Fleetline last month, and 508 trips went through it.\n\n"
        "Shall I set up the carrier portal with your new dispatchers on Tuesday?\n\nMina Kwon\nFleetline"
    ),
    recipient="Lena",
    signer="Mina Kwon",
    sender="mina@fleetline.example",
    facts=("508",),
    others=("Jonas Reuter",),
)
KOREAN = Letter(
    subject="사용자 가져오기",
    body="김도윤 님, 안녕하세요.\n\n지난달 25석 중 9석을 쓰셨습니다.\n\n화요일에 함께 설정해 볼까요?\n\n권민아 드림",
    recipient="김도윤",
    signer="권민아",
    sender="mina@fleetline.example",
    facts=("9석",),
)


@pytest.mark.parametrize("letter", [GOOD, KOREAN])
def test_a_personal_true_letter_with_one_ask_passes(letter):
    assert lint(letter) == []


@pytest.mark.parametrize(
    ("added", "code"),
    [
        ("We miss you.", "missing_you"),
        ("We've missed you.", "missing_you"),
        ("많이 보고 싶었습니다.", "missing_you"),
        ("After all we've done.", "guilt"),
        ("조금 섭섭합니다.", "guilt"),
        ("Only 3 days left.", "scarcity"),
        ("마지막 기회입니다.", "scarcity"),
        ("I hope this email finds you well.", "robot"),
        ("Fleetline을(를) 씁니다.", "both_particles"),
        ("Hi {{ contact.first_name }}.", "unfilled"),
        ("Jonas Reuter left in October.", "names_others"),
    ],
)
def test_words_that_no_customer_should_read_are_refused(added, code):
    assert [
        problem.code for problem in lint(replace(GOOD, body=GOOD.body.replace("\n\nMina", f"\n\n{added}\n\nMina")))
    ] == [code]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"facts": ("622",)}, Problem("no_fact")),
        ({"facts": ()}, Problem("no_fact")),
        ({"recipient": "Tobias"}, Problem("no_name")),
        ({"signer": "Jan Ode"}, Problem("no_signature")),
        ({"sender": "no-reply@fleetline.example"}, Problem("no_reply", "no-reply@fleetline.example")),
        ({"our_fault": True}, Problem("not_owned_up")),
        ({"body": GOOD.body.replace("?", ".")}, Problem("no_next_step")),
        ({"body": GOOD.body.replace("Tuesday?", "Tuesday? Would Monday do?")}, Problem("many_asks", "2")),
        ({"body": GOOD.body.replace("Shall", "and " * 150 + "shall")}, Problem("too_long", "183")),
    ],
)
def test_what_a_letter_lacks_is_named(change, expected):
    assert lint(replace(GOOD, **change)) == [expected]


def test_owning_up_satisfies_a_fault_of_ours():
    body = GOOD.body.replace("Shall", "The import failed because of our mistake. Shall")
    assert lint(replace(GOOD, body=body, our_fault=True)) == []


def test_a_fact_must_stand_as_a_figure_of_its_own():
    assert lint(replace(GOOD, facts=("50",))) == [Problem("no_fact")]
