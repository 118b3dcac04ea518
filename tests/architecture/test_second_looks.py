"""What a page has looked at, an action or a query looks at again: asked by themselves they tell and change nothing."""

from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.test import TestCase

from crm.accounts.models import Account
from crm.audit.models import AuditRow
from crm.bulk_edits.actions import picked
from crm.captures.queries import people_at
from crm.conversations.actions import close
from crm.conversations.models import Conversation
from crm.promises.models import Promise
from crm.promises.queries import mine
from crm.segments import actions as segments
from crm.segments.queries import segments_of, views_of
from crm.segments.rules import read
from crm.staff.models import Installation, User
from feedback.invitations.queries import audience
from retention.follow_ups.actions import dismiss
from retention.follow_ups.models import FollowUp, FollowUpState
from retention.follow_ups.queries import drafts
from retention.forecasts.models import Forecast
from retention.forecasts.queries import Asked, histories, renewals
from retention.handovers.actions import read_handover
from retention.handovers.models import Handover
from retention.onboarding.queries import began
from retention.outcomes.queries import outcomes
from retention.pages.playbooks import counts
from retention.pages.record_words import Words
from retention.tasks.actions import finish_task, reopen_task
from retention.tasks.models import Task
from retention.tasks.queries import open_tasks
from tests.company import DAY, NOW, TODAY, Company, company

SEEN = {"ownaccount Ltd", "teamaccount Ltd"}


@time_machine.travel(NOW, tick=False)
class TestSecondLooks(TestCase):
    """Of accounts that are the rep's own, the team's, restricted, and another team's."""

    made: Company

    @classmethod
    @time_machine.travel(NOW, tick=False)
    def setUpTestData(cls) -> None:
        cls.made = company()

    @property
    def rep(self) -> Any:
        return self.made.users["R"]

    def test_lists_hold_what_the_person_sees(self) -> None:
        for rows in (drafts(self.rep), open_tasks(self.rep), outcomes(self.rep)):
            assert {row.account.name for row in rows} == SEEN, rows.model
        assert [found["saved"] for found in counts(self.rep).values()] == [2]

    def test_kept_filters_of_another_are_theirs_alone(self) -> None:
        own: dict[str, Any] = {"at": NOW, "by": self.made.users["stranger"]}
        segments.keep_segment(name="Theirs", tree=read("segment.is.hotels"), **own)
        segments.keep_view(name="Theirs", query="sort=renewal", **own)
        assert [row.name for row in segments_of(self.rep)] == ["Hotels", "Inns"]  # the second is everyone's
        assert [row.name for row in views_of(self.rep)] == ["By renewal"]

    def test_people_of_a_restricted_account_that_was_merged_into_a_seen_one_stay_out_of_sight(self) -> None:
        Account.objects.system("test").filter(pk=self.made.accounts["restricted"].pk).update(
            merged_into=self.made.accounts["own"]
        )
        self.client.force_login(self.rep)
        page = self.client.get(f"/accounts/{self.made.accounts['own'].pk}/contacts/").content.decode()
        assert "ownperson" in page
        assert "restrictedperson" not in page

    def test_of_what_was_picked_a_manager_changes_nothing_restricted(self) -> None:
        found, others = picked(Account.objects.system("test"), by=self.made.users["M"])
        assert {row.name for row in found} == SEEN | {"ownaccount spare", "teamaccount spare"}
        assert others == 4

    def test_of_what_was_picked_a_rep_who_sees_the_own_accounts_changes_none_of_the_pool(self) -> None:
        Installation.objects.update(visibility="own")
        Account.objects.system("test").filter(pk=self.made.accounts["team"].pk).update(owner=None, pool=self.rep.team)
        rep = User.objects.get(pk=self.rep.pk)  # who asks in a request of its own
        found, _others = picked(Account.objects.system("test"), by=rep)
        assert {row.name for row in found} == {"ownaccount Ltd", "ownaccount spare"}

    def test_forecasts_of_others_have_no_history(self) -> None:
        every = renewals(self.made.users["O"], Asked(TODAY, TODAY + 90 * DAY), day=TODAY)
        assert {row.name for row in every} == {f"{whose}account Ltd" for whose in self.made.accounts}
        told = {row.account.name for rows in histories(self.rep, every).values() for row in rows}
        assert told == SEEN
        assert Forecast.objects.system("test").count() == 4

    def test_a_draft_out_of_sight_is_not_even_said_to_be_decided(self) -> None:
        row = FollowUp.objects.system("test").get(pk=self.made.rows["draft"]["foreign"])
        FollowUp.objects.system("test").filter(pk=row.pk).update(state=FollowUpState.DISMISSED)
        with pytest.raises(PermissionDenied):
            dismiss(row, why="Spoke to them", at=NOW, by=self.rep)

    def test_a_task_on_an_account_out_of_sight_is_not_finished_by_whom_it_was_given_to(self) -> None:
        rows = Task.objects.system("test").filter(pk=self.made.rows["task"]["foreign"])
        rows.update(assignee=self.rep)
        assert not finish_task(rows.get(), at=NOW, by=self.rep)
        rows.update(done_at=NOW)
        with pytest.raises(PermissionDenied):
            reopen_task(rows.get(), at=NOW, by=self.rep)
        assert rows.get().done_at == NOW

    def test_a_handover_out_of_sight_is_not_read(self) -> None:
        row = Handover.objects.system("test").get(account=self.made.accounts["foreign"])
        Handover.objects.system("test").filter(pk=row.pk).update(taker=self.rep)
        row.refresh_from_db()
        assert not read_handover(row, at=NOW, by=self.rep)
        assert Handover.objects.system("test").get(pk=row.pk).read_at is None

    def test_who_answers_a_conversation_out_of_sight_does_not_close_it(self) -> None:
        rows = Conversation.objects.system("test").filter(pk=self.made.rows["conversation"]["foreign"])
        rows.update(responder=self.rep)
        with pytest.raises(PermissionDenied):
            close(rows.get(), at=NOW, by=self.rep)
        assert rows.get().closed_at is None

    def test_what_one_promised_an_account_out_of_sight_is_no_more_listed(self) -> None:
        Promise.objects.system("test").update(promised_by=self.rep)
        assert {row.account.name for row in mine(self.rep)} == SEEN

    def test_addresses_lead_to_people_in_sight_and_a_survey_asks_only_those(self) -> None:
        found = people_at([f"{whose}person@customer.example" for whose in ("own", "foreign", "restricted")], self.rep)
        assert [person.name for person in found] == ["ownperson Vogt"]
        spares = {"ownaccount spare", "teamaccount spare"}
        assert {row.name for row in audience(None, user=self.rep, at=NOW)} == SEEN | spares

    def test_of_those_who_began_an_onboarding_only_those_in_sight_are_counted(self) -> None:
        assert began(self.rep, since=TODAY - 366 * DAY) == len(SEEN)

    def test_the_record_does_not_name_accounts_out_of_sight(self) -> None:
        whole, part = (self.made.accounts[whose].pk for whose in ("foreign", "team"))
        rows = [AuditRow(before={}, after={"account": pk}) for pk in (whole, part)]
        assert Words(rows, self.rep, NOW).names == {("account", part): "teamaccount Ltd"}
