"""The examples for systemd and the commands that the handbook names are real."""

import re
from configparser import RawConfigParser
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "docs/deploy").glob("*.service"))
HANDBOOK = (ROOT / "docs/production.md").read_text()


def unit(path: Path) -> RawConfigParser:
    parser = RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of systemd keep their capitals
    parser.read(path)
    return parser


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_that_exists_and_comes_back_after_a_crash(path):
    service = unit(path)["Service"]
    command = re.search(r"manage\.py (\w+)", service["ExecStart"])
    assert "gunicorn crm.wsgi:application" in service["ExecStart"] or (command and command[1] in get_commands())
    if service.get("Type") != "oneshot":
        assert (service["KillMode"], service["Restart"]) == ("mixed", "always")
        assert int(service["TimeoutStopSec"]) >= 20
    assert service["User"] == "holdfast"


def test_the_timer_starts_the_backup():
    timer = unit(ROOT / "docs/deploy/holdfast-backup.timer")
    assert timer["Timer"]["Persistent"] == "true"
    assert (ROOT / "docs/deploy/holdfast-backup.service").exists()


def test_the_handbook_names_files_and_commands_that_exist():
    linked = re.findall(r"\]\((deploy/[\w.\-]+)\)", HANDBOOK)
    assert [name for name in linked if not (ROOT / "docs" / name).exists()] == []
    assert len(set(linked)) == len(list((ROOT / "docs/deploy").iterdir()))
    assert set(re.findall(r"manage\.py (\w+)", HANDBOOK)) - set(get_commands()) == set()
