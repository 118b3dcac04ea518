"""The shape of the house, as rules that fail: names, sizes, directions, the clock and the seven files."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import ForeignKey, ManyToManyField, OneToOneField

from retention.pages.record_sentences import SENTENCES

ROOT = Path(__file__).resolve().parents[2]
APPS = ("crm", "feedback", "retention")  # in the order in which data flow
SEVEN = {"__init__", "views", "forms", "actions", "emails", "queries", "models", "rules"}
REFUSED = {"utils", "helpers", "common", "core", "misc", "base", "manager", "service", "handler", "signals"}
# Django looks for a database backend in a file of this name.
NAMED_BY_DJANGO = {"crm/lib/embedded_backend/base.py"}
FLOW = {
    "crm": (
        "lib fills audit staff sign_in keys webhooks calendars accounts bulk_edits contacts plans subscriptions "
        "sources people usage goals promises consents attention outbox conversations captures segments imports uploads "
        "erasures backups"
    ),
    "feedback": "surveys invitations answers",
    "retention": (
        "onboarding pulses measures scorecards overrides scores previews backtests forecasts risk_signals messages "
        "playbooks plays tasks follow_ups handovers outcomes agenda"
    ),
}
FILLS_BEFORE = [f"{app}.{noun}" for app in APPS for noun in FLOW[app].split()]


def sources() -> Iterator[Path]:
    for top in (*APPS, "tests", "benchmarks"):
        yield from (path for path in sorted((ROOT / top).rglob("*.py")) if "node_modules" not in path.parts)


def test_no_file_is_longer_than_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources()
        if "migrations" not in path.parts and (lines := path.read_text().count("\n")) > 400
    }
    assert long == {}


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    found = {str(path.relative_to(ROOT)) for path in sources() if {path.stem, *path.relative_to(ROOT).parts} & REFUSED}
    assert found - NAMED_BY_DJANGO == set()


def test_every_noun_has_only_the_seven_files() -> None:
    odd = {
        f"{app}/{noun}/{path.name}"
        for app in APPS
        for noun in FLOW[app].split()
        if noun != "lib"
        for path in (ROOT / app / noun).iterdir()
        if path.name != "__pycache__" and path.suffix != ".sql" and path.stem not in SEVEN
    }
    assert odd == set()


def test_every_foreign_key_points_back_up_the_flow() -> None:
    wrong = []
    for app in APPS:
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.get_fields():
                if not isinstance(field, (ForeignKey, OneToOneField, ManyToManyField)):
                    continue
                target = field.remote_field.model
                if target._meta.app_label not in APPS or field.name == "id":
                    continue
                if place(target) > place(model):
                    wrong.append(f"{model.__name__}.{field.name} → {target.__name__}")
    assert wrong == []


def place(model: type) -> int:
    return FILLS_BEFORE.index(".".join(model.__module__.split(".")[:2]))


def test_no_reverse_name_leads_down_the_flow() -> None:
    named = [
        f"{model.__name__}.{field.name}"
        for app in APPS
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if isinstance(field, (ForeignKey, ManyToManyField)) and not field.remote_field.hidden
    ]
    assert named == []


def test_migrations_depend_only_on_earlier_apps() -> None:
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(None, ignore_no_migrations=True)
    wrong = [
        f"{app}.{name} → {needed[0]}.{needed[1]}"
        for (app, name), migration in loader.disk_migrations.items()
        if app in APPS
        for needed in [*migration.dependencies, *migration.run_before]
        if needed[0] in APPS and APPS.index(needed[0]) > APPS.index(app)
    ]
    assert wrong == []


def test_migrations_have_names_that_say_what_they_do() -> None:
    unnamed = [str(p.relative_to(ROOT)) for p in sources() if "migrations" in p.parts and "_auto_" in p.name]
    assert unnamed == []


def test_crm_stands_alone() -> None:
    """crm imports, checks and plans its migrations in a process that cannot import the other apps."""
    script = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('feedback', 'retention'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from crm import settings\n"
        "settings.INSTALLED_APPS = [a for a in settings.INSTALLED_APPS if a not in ('feedback', 'retention')]\n"
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
        "call_command('check')\n"
        "call_command('makemigrations', '--check', '--dry-run', 'crm', verbosity=0)\n"
        "from django.urls import get_resolver; get_resolver().reverse_dict\n"
        "import pkgutil, importlib, crm\n"
        "for found in pkgutil.walk_packages(crm.__path__, 'crm.'):\n"
        "    importlib.import_module(found.name)\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "crm.settings", "PATH": "/usr/bin:/bin", "HOLDFAST_VAR": str(settings_var())},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr


def settings_var() -> Path:
    from django.conf import settings

    return Path(settings.VAR)


# Ingest and the ledger of work leave one audit row a run (rules.md §10), written by whoever drives them.
INGEST = ("crm.fills.", "crm.sources.", "crm.people.", "crm.usage.")
# Each with its reason.
WITHOUT_BY = {
    "crm.outbox.actions.deciding.unsubscribe": "is done by whoever holds the link; the row says so itself",
    "crm.outbox.actions.sending.claim": "moves a mail that a person approved; sending leaves the audit row",
    "crm.outbox.actions.sending.hand_over": "moves a mail that a person approved; sending leaves the audit row",
    "crm.contacts.actions.details.upsert_from_identify": "is part of the drain, which leaves one row a run",
    "crm.outbox.actions.sending.settle_sent": "moves a mail that a person approved; sending leaves the audit row",
}


def actions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Public functions that open a transaction of their own: the writes of the house."""
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "actions" not in (path.stem, path.parent.name):
                continue
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.parse(path.read_text()).body:
                if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                    continue
                if any("atomic" in ast.unparse(decorator) for decorator in node.decorator_list):
                    yield f"{module}.{node.name}", node


def test_every_action_knows_when_and_who() -> None:
    without = {
        name
        for name, node in actions()
        if not name.startswith(INGEST) and not {"at", "by"} <= {arg.arg for arg in node.args.kwonlyargs}
    }
    assert without == set(WITHOUT_BY)


def test_there_are_actions_to_look_at() -> None:
    assert sum(1 for _ in actions()) > 50


@pytest.mark.parametrize("word", ["datetime.now(", "timezone.now(", "date.today(", "time.time("])
def test_only_doors_read_the_clock(word: str) -> None:
    doors = {"jobs", "admin", "middleware"}
    folders = {"pages", "api", "public", "management", "tests", "benchmarks"}
    readers = {
        str(path.relative_to(ROOT))
        for path in sources()
        if path.stem not in doors and not folders & set(path.relative_to(ROOT).parts) and word in path.read_text()
    }
    assert readers == set()


def test_sql_files_say_what_they_are() -> None:
    headless = {
        str(path.relative_to(ROOT))
        for app in APPS
        for path in (ROOT / app).rglob("*.sql")
        if not path.read_text().startswith(f"-- {path.name} — ")
    }
    assert headless == set()


# --- the record ---------------------------------------------------------------------------------------------

CODE = re.compile(r"[a-z_]+\.[a-z_]+")
# Actions that are put together while running, and what becomes of them.
PUT_TOGETHER = {
    "attention.{after.value}": {"confirmed", "released"},
    "mail.{what}": {
        "approved", "put_back", "deferred", "handed_over", "sent", "unconfirmed", "marked_sent", "sent_again",
        "failed", "suppressed", "cancelled", "returned",
    },
    "link.{purpose}_made": {"first_admin", "invitation", "password"},
    "user.second_factor_{what}": {"added", "removed", "renewed"},
    "upload.{step}": {"reading", "applying", "undoing"},
    "goal.{kind}": {"set", "changed", "dropped", "resumed"},
    "payment.{kind}": {"failed", "disputed", "settled"},
    "promise.{kind}": {"made", "moved", "kept", "broken", "withdrawn", "reopened"},
    **{f"{{_kind(row)}}.{what}": {"segment", "savedview"} for what in ("created", "changed", "deleted", "restored")},
}  # fmt: skip


def recorded() -> Iterator[str]:
    """Each action that the code writes into the record: whatever looks like one in actions, or is given to `record`."""
    for path in sources():
        if path.relative_to(ROOT).parts[0] not in APPS or "migrations" in path.parts:
            continue
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or ast.unparse(call.func).endswith("getLogger"):
                continue
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            texts = [each for one in given for each in ast.walk(one)] if "actions" in str(path) else []
            called = ast.unparse(call.func).rpartition(".")[2]
            if called == "record" and call.args:
                texts = list(ast.walk(call.args[0]))
                if isinstance(call.args[0], ast.JoinedStr):
                    yield ast.unparse(call.args[0])[2:-1]
                    continue
            yield from (
                each.value
                for each in texts
                if isinstance(each, ast.Constant) and isinstance(each.value, str) and CODE.fullmatch(each.value)
            )


def test_every_action_that_is_recorded_has_a_sentence() -> None:
    """Add it, with its Korean, to retention/pages/record_sentences.py."""
    plain = {code for code in recorded() if "{" not in code}
    built = {code for code in recorded() if "{" in code}
    assert built == set(PUT_TOGETHER)
    plain |= {re.sub(r"\{.*\}", each, code) for code in built for each in PUT_TOGETHER[code]}
    assert plain - set(SENTENCES) == set()
    assert set(SENTENCES) - plain == set()  # what nothing writes any more


def test_a_mail_moves_only_in_ways_that_have_a_sentence() -> None:
    place = {"move": 2, "back": 2, "record": 0}
    found = {
        given.value
        for path in (ROOT / "crm/outbox/actions").glob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in place
        for given in call.args[place[call.func.id] :][:1]
        if isinstance(given, ast.Constant)
    }
    assert found <= PUT_TOGETHER["mail.{what}"]
