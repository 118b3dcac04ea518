"""Intervals against their published examples, at their edges, and by simulation."""

from math import comb, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.lib.intervals import Interval, finite, net_promoter, net_promoter_error, newcombe, wilson


def rounded(found: Interval | None, places: int = 4) -> tuple[float, float]:
    assert found is not None
    return round(found.low, places), round(found.high, places)


@st.composite
def shares(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 10_000))
    return draw(st.integers(0, n)), n


@pytest.mark.parametrize(
    ("hits", "n", "expected"),
    [
        # Newcombe 1998, Table I, method 3.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
        # By hand, z² = 3.84146: (0.8 + 0.19207 ± 0.31362) ÷ 1.38415.
        (8, 10, (0.4902, 0.9433)),
        (20, 20, (0.8389, 1.0)),
    ],
)
def test_wilson_gives_the_published_intervals(hits, n, expected):
    assert rounded(wilson(hits, n)) == expected


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        # Newcombe 1998, Table II, method 10.
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((0, 10, 0, 10), (-0.2775, 0.2775)),
        ((10, 10, 0, 20), (0.6791, 1.0)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
    ],
)
def test_newcombe_gives_the_published_intervals(sides, expected):
    assert rounded(newcombe(*sides)) == expected


def test_the_published_net_score_has_its_error_and_the_interval_worked_out_by_hand():
    """shared/data/README.md: 4.14. (162.75 − 54.75) ÷ 327 = 33.028; ± 1.96 × 100 √(0.55605 ÷ 327) = 8.082."""
    assert round(net_promoter_error(162, 54, 324), 2) == 4.14
    assert rounded(net_promoter(162, 108, 54), 2) == (24.95, 41.11)
    # 324 of 400: √(76 ÷ 399) = 0.43644; arms 8.388 and 7.777 from 33.333.
    assert round(finite(324, 400), 5) == 0.43644
    assert rounded(net_promoter(162, 108, 54, 400), 2) == (29.67, 36.73)


def test_of_nobody_nothing_is_known():
    assert [wilson(0, 0), newcombe(0, 0, 3, 4), newcombe(3, 4, 0, 0), net_promoter(0, 0, 0)] == [None] * 4


@given(shares())
def test_a_share_lies_within_its_interval_which_has_a_width_and_stays_within_bounds(share):
    hits, n = share
    found = wilson(hits, n)
    assert 0 <= found.low <= hits / n <= found.high <= 1
    assert found.low < found.high


@given(shares(), shares())
def test_so_does_a_difference_and_seen_from_the_other_side_it_is_mirrored(one, other):
    found, mirrored = newcombe(*one, *other), newcombe(*other, *one)
    assert -1 <= found.low <= one[0] / one[1] - other[0] / other[1] <= found.high <= 1
    assert found.low < found.high
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 400), st.integers(1, 2000))
def test_so_does_a_net_score_in_any_population_that_is_not_yet_exhausted(promoters, passives, detractors, others):
    n = promoters + passives + detractors
    found = net_promoter(promoters, passives, detractors, n + others)
    if not n:
        assert found is None
        return
    assert -100 <= found.low <= 100 * (promoters - detractors) / n <= found.high <= 100
    assert found.low < found.high


def chances(n: int, p: float) -> list[float]:
    return [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


def test_wilson_covers_the_truth_in_about_19_of_20_samples():
    """Exact, over every outcome; Brown, Cai & DasGupta (2001): around 95 % on the mean, with dips near the ends."""
    covered: list[float] = []
    for n in (10, 40):
        around = [wilson(k, n) for k in range(n + 1)]
        for p in [i / 50 for i in range(1, 50)]:
            inside = [found.low <= p <= found.high for found in around]
            covered.append(sum(chance * hit for chance, hit in zip(chances(n, p), inside, strict=True)))
    assert min(covered) > 0.83
    assert 0.945 < sum(covered) / len(covered) < 0.96


@pytest.mark.parametrize(
    ("n", "m", "p", "q"), [(10, 10, 0.5, 0.5), (30, 15, 0.9, 0.6), (25, 40, 0.05, 0.2), (8, 50, 0.3, 0.02)]
)
def test_newcombe_covers_the_true_difference_in_about_19_of_20_pairs(n, m, p, q):
    """Exact, over every pair of outcomes."""
    one, other = chances(n, p), chances(m, q)
    covered = 0.0
    for k in range(n + 1):
        for j in range(m + 1):
            found = newcombe(k, n, j, m)
            covered += one[k] * other[j] * (found.low <= p - q <= found.high)
    assert 0.93 <= covered <= 0.99


def covered(population: tuple[int, int, int] | None, n: int, p: float = 0.0, d: float = 0.0) -> float:
    """How often the interval of a net score holds the true one: exact, over every way in which n may answer.

    Each answer is drawn with the chances `p` of a promoter and `d` of a detractor; or n are asked of a whole
    `population` of so many promoters, passives and detractors.
    """
    held, truth, whole = 0.0, p - d, None
    if population:
        whole = sum(population)
        truth = (population[0] - population[2]) / whole
    for ups in range(n + 1):
        for downs in range(n + 1 - ups):
            even = n - ups - downs
            if population:
                ways = zip(population, (ups, even, downs), strict=True)
                chance = prod(comb(there, drawn) for there, drawn in ways) / comb(whole or 0, n)
            else:
                chance = comb(n, ups) * comb(n - ups, downs) * p**ups * d**downs * (1 - p - d) ** even
            found = net_promoter(ups, even, downs, whole)
            held += chance * (found.low <= 100 * truth + 1e-9 and 100 * truth - 1e-9 <= found.high)
    return held


@pytest.mark.parametrize(("p", "d"), [(0.5, 0.2), (0.7, 0.1), (0.3, 0.3), (0.1, 0.6)])
def test_the_net_score_of_a_sample_is_within_its_interval_in_about_19_of_20(p, d):
    assert all(0.94 < covered(None, n, p, d) < 0.975 for n in (10, 20))


@pytest.mark.parametrize("population", [(30, 18, 12), (42, 12, 6), (18, 24, 18), (6, 18, 36)])
def test_so_it_is_where_a_third_or_two_thirds_of_all_were_asked(population):
    """Without the correction for so small a population the intervals of 40 of 60 would hold it nearly always."""
    assert all(0.935 < covered(population, n) < 0.965 for n in (20, 40))
