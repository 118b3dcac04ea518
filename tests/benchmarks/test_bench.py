"""Reading the budgets out of what the parts of `make bench` print."""

import pytest

from benchmarks.__main__ import Figure, figure, table


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "accept, of orjson + COPY                        0.62, budget at least 0.5: kept",
            Figure("p", "accept, of orjson + COPY", "0.62", "≥ 0.5", met=True),
        ),
        (
            "accept, of DRF + bulk_create                    4.10, budget at least 5.0: missed",
            Figure("p", "accept, of DRF + bulk_create", "4.10", "≥ 5.0", met=False),
        ),
        (
            "  windows rebuild: 0.92 s, ratio 1.310 (budget 1.5)",
            Figure("p", "windows rebuild", "1.310", "≤ 1.5", met=True),
        ),
        (
            "  portfolio, ops_admin, 8 clients: 30 ms against 90 ms of the admin, ratio 0.33 (budget 0.25, MISSED)",
            Figure("p", "portfolio, ops_admin, 8 clients", "0.33", "≤ 0.25", met=False),
        ),
        (
            "  ledger row of twelve measures: 187 bytes (budget 240)",
            Figure("p", "ledger row of twelve measures", "187", "≤ 240", met=True),
        ),
        ("HTTP: orjson + COPY                              90,000 events/s   1.00", None),
        ("  full run: windows, scores, current scores, ledger: 4.10 s, ratio 2.100", None),
        ("  crm_usage_day: 2,770,000 rows", None),
    ],
)
def test_a_line_with_a_budget_is_a_figure_and_others_are_not(line: str, expected: Figure | None) -> None:
    assert figure("p", line) == expected


def test_the_table_says_met_or_missed() -> None:
    figures = [
        Figure("ingest", "accept", "0.62", "≥ 0.5", met=True),
        Figure("pages", "list", "0.3", "≤ 0.25", met=False),
    ]
    assert table(figures) == (
        "part    figure  ratio  budget\n"
        "ingest  accept  0.62   ≥ 0.5   met\n"
        "pages   list    0.3    ≤ 0.25  MISSED"
    )  # fmt: skip
