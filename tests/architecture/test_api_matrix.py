"""Every call of the API by a key of every role: answers as in the table, and no more is shown than its owner sees."""

from datetime import timedelta
from typing import Any

import time_machine
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from orjson import dumps

from crm.accounts.models import Account
from crm.contacts.models import Contact
from crm.conversations.models import Conversation
from crm.keys.actions import revoke_key
from crm.keys.models import ApiKey, KeyUse
from crm.staff.models import Installation
from retention.risk_signals.models import RiskSignal
from tests.architecture.api_matrix import API, DAY, NOBODYS, Call
from tests.architecture.asking import expected, secrets
from tests.architecture.matrix import WHO
from tests.architecture.test_matrix import patterns
from tests.architecture.visiting import Visitor
from tests.company import NOW, WHOSE, Company, company
from tests.crm.api.coming_in import Program, key_for

CONCERNS_COVER = {"account", "segment"}
SAID_NO: dict[str, Any] = {"purpose": "survey", "given": False, "on": DAY, "source": "call"}
TELLING = """answers consents contacts conversations follow-ups forecasts invitations outcomes owner-changes play-steps
    plays promise-changes promises scores signals subscription-changes subscriptions tasks"""
UNLISTED = {"api-openapi", "api-unknown"}


def test_an_undeclared_call_fails_the_build() -> None:
    named = {name for name, _route in patterns() if name.startswith("api-")} - {"api-keys", "api-reference"}
    declared = {call.name for call in API}
    assert {name for name in named - declared - UNLISTED if not name.startswith("api-key-")} == set()


@time_machine.travel(NOW + timedelta(minutes=1), tick=False)
class TestEveryKeyCallsEverything(TestCase):
    made: Company
    keys: dict[str, tuple[ApiKey, str]]

    @classmethod
    @time_machine.travel(NOW, tick=False)
    def setUpTestData(cls) -> None:
        cls.made = company()
        Installation.objects.update(visibility="team")
        cls.keys = {who: key_for(cls.made.users[who], by=cls.made.users["S"], at=NOW) for who in WHO}
        for key, _secret in cls.keys.values():
            KeyUse.objects.create(key=key, minute=NOW, calls=1)
        cls.made.remember("colleague", cls.made.users["colleague"].pk)
        cls.made.remember("renewal day", cls.made.rows["renewal"]["own"][1])
        for signal in RiskSignal.objects.system("test").order_by("-pk"):
            whose = signal.account.external_id.partition("-")[0]
            cls.made.remember("signal", signal.pk, whose)
        for whose in WHOSE:
            cls.made.remember("external id", f"{whose}-1", whose)

    def test_keys_of_every_role_are_answered_as_the_table_says(self) -> None:
        assert "\n".join(said for who in WHO for said in self.round_of(who)) == ""

    def round_of(self, who: str) -> list[str]:
        visitor, wrong = self.visitor(self.keys[who][1]), list[str]()
        for call in API:
            for whose in self.worth_asking(call, who) if who != "C" or call.of in CONCERNS_COVER else ():
                status = self.ask(visitor, call, whose)
                wanted, said = expected(call.cell, who, "team", whose), f"{call.method} {call.name} of {whose} by {who}"
                if status != wanted:
                    wrong.append(f"{said}: {status}, not {wanted}: {visitor.body[:200]}")
                if shown := [word for word in secrets(who, "team") if word in visitor.body and status < 400]:
                    wrong.append(f"{said} shows {shown}")
                wrote = visitor.wrote - {"crm_key_use"}
                if (call.method == "GET" or status >= 400) and wrote:
                    wrong.append(f"{said} wrote {wrote}")
                if call.method != "GET" and status < 300 and not visitor.records:
                    wrong.append(f"{said} left no record")
        return wrong

    def worth_asking(self, call: Call, who: str) -> list[str]:
        rows = self.made.rows.get(call.of, {})
        if "own" not in rows:
            return [""]
        return list(WHOSE) if who == "R" else ["own"]

    def visitor(self, secret: str) -> Visitor:
        return Visitor(self.made, "-", headers={"Authorization": f"Bearer {secret}"} if secret else {})

    def ask(self, visitor: Visitor, call: Call, whose: str) -> int:
        more: dict[str, Any] = {}
        if call.body is not None:
            sent = {name: self.named(value) for name, value in call.body.items()}
            more = {"data": dumps(sent), "content_type": "application/json"}
        return visitor.ask(call.method, self.address(call, whose), **({"content_type": "application/json"} | more))

    def named(self, value: Any) -> Any:
        kind, colon, whose = value.partition(":") if isinstance(value, str) else ("", "", "")
        return self.made.rows[kind][whose] if colon else value

    def address(self, call: Call, whose: str) -> str:
        if call.of:
            return reverse(call.name, args=[self.made.rows[call.of][whose]])
        for each in ([], [NOBODYS["pk"]], [NOBODYS["external_id"]]):
            try:
                return reverse(call.name, args=each)
            except NoReverseMatch:
                continue
        raise AssertionError(call.name)

    def test_a_key_without_the_scope_is_told_which_one_it_lacks(self) -> None:
        _key, narrow = key_for(self.made.users["O"], "usage:read", by=self.made.users["S"], at=NOW)
        visitor = self.visitor(narrow)
        others = [call for call in API if "usage" not in call.name and "events" not in call.name]
        found = {self.ask(visitor, call, self.worth_asking(call, "O")[0]): visitor.body for call in others}
        assert set(found) == {403}
        assert '"scope_missing"' in found[403]

    def test_nobody_and_whoever_holds_another_kind_of_key_is_401(self) -> None:
        over, secret = key_for(self.made.users["O"], by=self.made.users["S"], at=NOW)
        revoke_key(over, at=NOW, by=self.made.users["S"])
        for held in ("", self.made.write_key, secret, "hfk_unknown", "\x00"):
            visitor = self.visitor(held)
            calls = API if not held else API[::7]
            found = {self.ask(visitor, call, self.worth_asking(call, "O")[0]) for call in calls}
            assert (held, found) == (held, {401})

    def test_a_session_opens_nothing_here_and_a_key_no_page(self) -> None:
        visitor = Visitor(self.made, "O")
        assert {self.ask(visitor, call, self.worth_asking(call, "O")[0]) for call in API} == {401}
        visitor = self.visitor(self.keys["O"][1])
        assert (visitor.ask("GET", reverse("portfolio")), visitor.location[:7]) == (302, "/login/")

    def test_a_list_of_one_row_and_of_three_takes_the_same_queries(self) -> None:
        program = Program(self.keys["O"][1])
        below = Account.objects.system("test").filter(external_id="own-1")
        below.update(parent=self.made.accounts["foreign"])
        counted = {}
        for call in API:
            if call.method != "GET" or not (call.name.endswith("-list")):
                continue
            counts = []
            for limit in (1, 3):
                with CaptureQueriesContext(connection) as queries:
                    response = program.get(self.address(call, ""), {"limit": limit} | self.needs(call))
                assert response.status_code == 200, response.content
                counts.append(len(queries))
            counted[call.name] = counts
        assert {name: counts for name, counts in counted.items() if counts[0] != counts[1]} == {}
        assert max(counts[1] for counts in counted.values()) <= 7

    def test_a_list_holds_rows_of_accounts_in_sight_alone(self) -> None:
        """Also rows without a word in them that could tell whose they are."""
        rep, everybody, made = Program(self.keys["R"][1]), Program(self.keys["O"][1]), self.made
        everybody.send("POST", "consents", 201, contact=made.rows["contact"]["foreign"], **SAID_NO)
        accounts = Account.objects.visible_to(made.users["R"])
        seen = {("account", row.pk) for row in accounts}
        seen |= {("contact", row.pk) for row in Contact.objects.visible_to(made.users["R"])}
        seen |= {("conversation", row.pk) for row in Conversation.objects.visible_to(made.users["R"])}
        found, told = dict[str, set[tuple[str, int]]](), set[str]()
        for call in (call for call in API if call.method == "GET" and call.name.endswith("-list")):
            address = self.address(call, "")
            if not self.needs(call):
                found[call.name] = self.named_in(rep.get(address, {"limit": 100})) - seen
                if self.named_in(everybody.get(address, {"limit": 100})) - seen:
                    told.add(call.name)
                continue
            hidden, absent = (rep.get(address, {"account": pk}) for pk in (made.rows["account"]["foreign"], 10**15))
            assert (call.name, hidden.status_code) == (call.name, absent.status_code)
            assert hidden.json() | {"request_id": ""} == absent.json() | {"request_id": ""}
        assert {name: rows for name, rows in found.items() if rows} == {}
        # What this can tell: there the admin's key reads rows that the rep's must not.
        assert told >= {f"api-{name}-list" for name in TELLING.split()}, told

    @staticmethod
    def named_in(answer: Any) -> set[tuple[str, int]]:
        """The accounts, contacts and conversations that a page of a list names; a refusal has no rows."""
        rows = answer.json().get("results", [])
        return {(kind, row[kind]) for row in rows for kind in ("account", "contact", "conversation") if row.get(kind)}

    def test_a_row_out_of_sight_is_taken_by_a_body_no_more_than_one_that_is_not_there(self) -> None:
        rep, asked = Program(self.keys["R"][1]), set[tuple[str, str]]()
        for call in API:
            for field, value in (call.body or {}).items():
                if value not in ("contact:own", "line:own"):
                    continue
                sent = {name: self.named(each) for name, each in call.body.items()} if call.body else {}
                address, asked = self.address(call, "").removeprefix("/api/v1/"), asked | {(call.name, field)}
                hidden = self.made.rows[value.partition(":")[0]]["foreign"]
                told = [rep.send(call.method, address, 400, **sent | {field: pk})["fields"] for pk in (hidden, 10**15)]
                assert told[0] == told[1] and list(told[0]) == [field], (call.name, told)
        assert {field for _name, field in asked} == {"contact", "subscription"} and len(asked) >= 4, asked

    def test_an_account_out_of_sight_is_named_by_no_row_and_taken_from_no_body(self) -> None:
        own, hidden = self.made.rows["account"]["own"], self.made.rows["account"]["foreign"]
        Account.objects.system("test").filter(pk=own).update(parent=hidden)
        named = {who: Program(self.keys[who][1]).read(f"accounts/{own}")["parent"] for who in "RO"}
        assert named == {"R": None, "O": hidden}
        told = dict[str, tuple[int, bool]]()
        for call in API:
            if call.body and call.body.get("account") == "account:own":
                sent = {name: self.named(value) for name, value in call.body.items()} | {"account": hidden}
                answer = Program(self.keys["R"][1]).generic(
                    call.method, self.address(call, ""), dumps(sent), "application/json"
                )
                told[call.name] = (answer.status_code, "You see no such account." in answer.content.decode())
        assert len(told) > 5 and set(told.values()) == {(400, True)}, told

    def needs(self, call: Call) -> dict[str, Any]:
        return {"account": self.made.rows["account"]["own"]} if call.cell == "SOMRV 400" else {}
