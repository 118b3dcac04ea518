"""Signals open on transitions, stay one row while open, and clear with hysteresis."""

from datetime import timedelta

import pytest

from crm.attention.queries import held
from crm.audit.rules import System
from feedback.answers.models import Answer
from feedback.invitations.models import Invitation
from feedback.surveys.models import Survey, Wave
from retention.risk_signals import rules
from retention.risk_signals.actions import answer_detractor, look
from retention.risk_signals.models import RiskSignal
from retention.risk_signals.queries import open_signals, sentence
from tests import factories
from tests.retention.chain import NOW, TODAY, owned, stands

BY = System("test")
pytestmark = pytest.mark.django_db


def kinds(account):
    rows = RiskSignal.objects.system("test").open().filter(account=account).order_by("kind")
    return list(rows.values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("points", "before", "expected"),
    [
        (610, 700, []),  # nine points: not enough
        (600, 700, ["score_drop"]),
        (390, 450, ["band_red"]),  # crossed 40 from above
        (390, 500, ["band_red", "score_drop"]),
        (300, 380, []),  # red before and after: no transition
        (None, 700, []),  # unknown is not bad
        (300, None, []),  # nothing to compare with
        (700, 300, []),
    ],
)
def test_only_a_transition_opens_a_signal(points, before, expected):
    account, *_ = owned()
    stands(account, points, before)
    look(at=NOW, by=BY)
    assert kinds(account) == expected


def test_the_rules_say_the_same_as_the_sql():
    assert [rules.fell(600, 700), rules.fell(601, 700)] == [True, False]
    assert [rules.turned_red(399, 400, 400), rules.turned_red(399, 399, 400)] == [True, False]
    assert [rules.fall_cleared(630, 700), rules.fall_cleared(629, 700)] == [True, False]
    assert [rules.red_cleared(430, 400), rules.red_cleared(429, 400)] == [True, False]


def test_looking_twice_opens_it_once_and_keeps_the_figure_it_fell_from():
    account, *_ = owned()
    stands(account, 460, 720)
    look(at=NOW, by=BY)
    stands(account, 440, 700, TODAY + timedelta(days=1))
    assert look(at=NOW + timedelta(days=1), by=BY) == "0 signals opened, 0 closed"
    signal = RiskSignal.objects.system("test").get(kind="score_drop")
    assert (signal.evidence["points"], signal.evidence["before"], signal.opened_at) == (440, 720, NOW)
    assert sentence(signal) == "Health fell from 72 to 44 in 28 days. What costs most: Key features used."


@pytest.mark.parametrize(("points", "still_open"), [(640, ["score_drop"]), (650, [])])
def test_a_fall_clears_only_beyond_the_hysteresis(points, still_open):
    account, *_ = owned()
    stands(account, 460, 720)
    look(at=NOW, by=BY)
    stands(account, points, 720, TODAY + timedelta(days=9))
    look(at=NOW + timedelta(days=9), by=BY)
    assert kinds(account) == still_open


def test_an_account_that_left_closes_its_signals():
    account, *_ = owned()
    stands(account, 460, 720)
    look(at=NOW, by=BY)
    account.stage = "churned"
    account.save()
    look(at=NOW + timedelta(days=1), by=BY)
    assert RiskSignal.objects.system("test").get().closed_why == "the account left"


def detractor(score=3):
    account, owner, contact = owned()
    survey = Survey.objects.create(name="Relationship", sender=owner, created_at=NOW)
    wave = Wave.objects.create(survey=survey, opened_at=NOW, opened_by=owner, target=1, sample_seed="x")
    ask = Invitation.objects.create(wave=wave, account=account, contact=contact, created_at=NOW, expires_at=NOW)
    answer = Answer.objects.create(invitation=ask, account=account, contact=contact, score=score, answered_at=NOW)
    return account, answer


def test_a_detractor_opens_one_signal_and_stops_all_asking_until_answered():
    account, answer = detractor()
    look(at=NOW, by=BY)
    look(at=NOW, by=BY)
    signal = RiskSignal.objects.system("test").get()
    assert (signal.kind, signal.subject) == ("detractor", str(answer.pk))
    assert [hold.kind for hold in held(account, at=NOW)] == ["detractor"]
    answer_detractor(signal, at=NOW, by=BY)
    assert held(account, at=NOW) == []
    assert look(at=NOW, by=BY) == "0 signals opened, 0 closed"


def test_seven_of_ten_is_no_detractor():
    detractor(score=7)
    assert look(at=NOW, by=BY) == "0 signals opened, 0 closed"


def test_signals_are_seen_by_whoever_sees_the_account():
    account, owner, _ = owned()
    stands(account, 460, 720)
    look(at=NOW, by=BY)
    stranger = factories.user("rep", team=factories.team())
    assert (open_signals(owner).count(), open_signals(stranger).count()) == (1, 0)
