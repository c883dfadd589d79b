"""Answers to disputes by adapter, the same for every gateway."""

import pytest
from tests.gateways.subject import having
from tests.gateways.trial import EVIDENCE, Paid, Trial, is_of, new_key, notices
from tests.gateways.wire import FAULTS

from tillkeeper.facts import DISPUTE_KINDS, DisputeFacts, DisputeStatus, NoticeKind
from tillkeeper.gateway import Declined, Evidence, Feature, Outcome, Unknown

OPEN, REVIEWED, LOST = DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW, DisputeStatus.LOST
LOSSES = {name: fault for name, fault in FAULTS.items() if name.startswith("cut") or name == "500"}


async def disputed(trial: Trial) -> tuple[Paid, str]:
    """Pay, let the bank take it back, and wait until a webhook tells the dispute's name."""
    paid = await trial.paid()
    await trial.subject.dispute(trial.act, paid.reference)
    facts = await trial.hear([NoticeKind.DISPUTE_OPENED], paid.order, [paid.reference])
    [name] = {fact.dispute.id for fact in facts if fact.dispute}
    return paid, name


def told(outcome: Outcome, paid: Paid) -> DisputeFacts:
    """Read what an answer says of the dispute of a payment."""
    [notice] = notices(outcome)
    assert notice.kind in DISPUTE_KINDS
    assert is_of(notice, paid)
    assert (notice.amount, notice.currency) == (paid.order.amount, paid.order.currency)
    assert notice.dispute
    return notice.dispute


async def status(trial: Trial, paid: Paid, dispute: str) -> DisputeStatus:
    return told(await trial.gateway.retrieve_dispute(dispute), paid).status


async def test_a_dispute_can_be_asked_about(trial: Trial) -> None:
    paid, dispute = await disputed(trial)
    facts = told(await trial.gateway.retrieve_dispute(dispute), paid)
    assert (facts.id, facts.status) == (dispute, OPEN)
    assert facts.due_at


@having(Feature.DISPUTE_EVIDENCE)
async def test_evidence_is_handed_in_and_then_looked_at(trial: Trial) -> None:
    paid, dispute = await disputed(trial)
    assert told(await trial.gateway.submit_evidence(dispute, EVIDENCE, new_key("response")), paid).status is REVIEWED
    assert await status(trial, paid, dispute) is REVIEWED
    await trial.hear([NoticeKind.DISPUTE_UPDATED], paid.order, [paid.reference])


@having(Feature.DISPUTE_EVIDENCE)
async def test_little_evidence_is_handed_in_as_well(trial: Trial) -> None:
    paid, dispute = await disputed(trial)
    outcome = await trial.gateway.submit_evidence(dispute, Evidence(statement="No."), new_key("response"))
    assert told(outcome, paid).status is REVIEWED


@having(Feature.DISPUTE_EVIDENCE)
async def test_other_evidence_after_the_first_is_declined_in_clear_words(trial: Trial) -> None:
    paid, dispute = await disputed(trial)
    await trial.gateway.submit_evidence(dispute, EVIDENCE, new_key("response"))
    again = await trial.gateway.submit_evidence(dispute, EVIDENCE, new_key("response"))
    assert isinstance(again, Declined), again
    assert again.message
    assert await status(trial, paid, dispute) is REVIEWED


@having(Feature.DISPUTE_ACCEPT)
async def test_a_dispute_that_is_accepted_is_lost_and_takes_no_evidence(trial: Trial) -> None:
    paid, dispute = await disputed(trial)
    assert told(await trial.gateway.accept_dispute(dispute, new_key("response")), paid).status is LOST
    assert await status(trial, paid, dispute) is LOST
    assert isinstance(await trial.gateway.accept_dispute(dispute, new_key("response")), Declined)
    assert isinstance(await trial.gateway.submit_evidence(dispute, EVIDENCE, new_key("response")), Declined)
    await trial.hear([NoticeKind.DISPUTE_LOST], paid.order, [paid.reference])
    assert (await trial.line(paid.order)).disputed == paid.order.amount


async def test_a_dispute_that_does_not_exist_is_declined(trial: Trial) -> None:
    absent = trial.subject.absent
    assert isinstance(await trial.gateway.retrieve_dispute(absent), Declined)
    assert isinstance(await trial.gateway.accept_dispute(absent, new_key("response")), Declined)
    assert isinstance(await trial.gateway.submit_evidence(absent, EVIDENCE, new_key("response")), Declined)


@pytest.mark.parametrize("fault", LOSSES)
@having(Feature.DISPUTE_EVIDENCE)
async def test_lost_evidence_can_be_handed_in_again_under_its_key(trial: Trial, fault: str) -> None:
    paid, dispute = await disputed(trial)
    key = new_key("response")
    trial.wire.fault = LOSSES[fault]
    assert isinstance(await trial.gateway.submit_evidence(dispute, EVIDENCE, key), Unknown)
    trial.wire.fault = None
    if await status(trial, paid, dispute) is OPEN:
        assert told(await trial.gateway.submit_evidence(dispute, EVIDENCE, key), paid).status is REVIEWED
    assert await status(trial, paid, dispute) is REVIEWED


@pytest.mark.parametrize("fault", LOSSES)
@having(Feature.DISPUTE_ACCEPT)
async def test_a_lost_acceptance_is_found_as_it_really_is(trial: Trial, fault: str) -> None:
    paid, dispute = await disputed(trial)
    key = new_key("response")
    trial.wire.fault = LOSSES[fault]
    assert isinstance(await trial.gateway.accept_dispute(dispute, key), Unknown)
    trial.wire.fault = None
    assert await status(trial, paid, dispute) is (LOST if LOSSES[fault].executed else OPEN)
    await trial.gateway.accept_dispute(dispute, key)
    assert await status(trial, paid, dispute) is LOST
