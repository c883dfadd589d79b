"""A gateway's own account of us, in one form: every movement once, the same whenever and however it is asked for."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.gateways.subject import SUBJECTS, Habit, having
from tests.gateways.trial import Paid, Trial, clock_second, notices

from tillkeeper.facts import LineKind, SettlementLine
from tillkeeper.gateway import Feature
from tillkeeper.kernel import ids
from tillkeeper.kernel.sheets import FileUnreadableError, file_bytes_max
from tillkeeper.settlement.lines import rules

UP = {LineKind.CAPTURE, LineKind.REFUND_FAILED, LineKind.DISPUTE_REVERSED, LineKind.PAYOUT_FAILED}
DOWN = {LineKind.REFUND, LineKind.DISPUTE, LineKind.PAYOUT}
MOVES = [(name, kind) for name, subject in SUBJECTS.items() for kind in subject.moves]
plenty = 40
"""So many times the usual price is paid first, so that there is always something to pay out."""


async def settled(trial: Trial, *wanted: LineKind) -> list[Paid]:
    """Live a life: payments, a refund of ours, the wanted movements, each of a payment of its own, and a payout."""
    found = [await trial.paid(amount=trial.subject.amount * plenty), await trial.paid()]
    notices(await trial.gateway.refund(trial.refund_order(found[1], trial.subject.amount // 5)))
    for kind in wanted:
        found.append(await trial.paid())
        await trial.move(kind, found[-1].reference)
    await trial.subject.pay_out(trial.act)
    return found


def once(lines: Iterable[SettlementLine]) -> dict[str, SettlementLine]:
    """Know each line by its id; it is told again only to name its payout besides."""
    known: dict[str, SettlementLine] = {}
    told = [*lines]
    assert len({(line.line_id, line.payout_id) for line in told}) == len(told)
    for line in told:
        before = known.setdefault(line.line_id, line)
        assert replace(before, payout_id=None, raw="") == replace(line, payout_id=None, raw="")
        assert before.payout_id in {None, line.payout_id} or line.payout_id is None
        known[line.line_id] = replace(line, payout_id=before.payout_id or line.payout_id)
    return known


async def told(trial: Trial) -> list[SettlementLine]:
    return [*once(await trial.account(*trial.span())).values()]


def of(lines: Iterable[SettlementLine], kind: LineKind, paid: Paid) -> list[SettlementLine]:
    return [line for line in lines if line.kind is kind and paid.reference in {line.object_id, line.parent_id}]


async def test_a_gateway_accounts_by_the_days_of_a_zone_that_exists(trial: Trial) -> None:
    assert ZoneInfo(trial.gateway.settlement_zone).utcoffset(trial.began) is not None


async def test_a_capture_and_a_refund_have_one_line_each_with_what_was_kept_of_them(trial: Trial) -> None:
    _, paid = await settled(trial)
    lines = await told(trial)
    [capture] = of(lines, LineKind.CAPTURE, paid)
    assert capture.object_id == paid.reference
    assert (capture.gross, capture.currency) == (paid.order.amount, paid.order.currency)
    assert (capture.settle_currency, capture.rate) == (paid.order.currency, None)
    assert capture.fee + capture.tax == (await trial.line(paid.order)).fee > 0
    assert capture.net == capture.gross - capture.fee - capture.tax
    [refund] = of(lines, LineKind.REFUND, paid)
    assert (refund.gross, refund.net, refund.parent_id) == (-(paid.order.amount // 5),) * 2 + (paid.reference,)
    assert refund.object_id != paid.reference
    [day, end] = trial.span()
    assert day <= capture.occurred_at <= refund.occurred_at < end


@having(Habit.CARRIED)
async def test_lines_of_payments_and_refunds_of_ours_carry_our_ids(trial: Trial) -> None:
    _, paid = await settled(trial)
    lines = await told(trial)
    ours = {ids.text("payment", paid.order.payment), paid.order.key}
    assert {line.our_reference for line in of(lines, LineKind.CAPTURE, paid)} <= ours
    [refund] = of(lines, LineKind.REFUND, paid)
    assert refund.our_reference
    assert refund.our_reference.startswith("refund_")


@pytest.mark.parametrize(("subject", "kind"), MOVES, indirect=["subject"])
async def test_whatever_else_moves_the_balance_has_one_line_of_its_kind_and_direction(
    trial: Trial, kind: LineKind
) -> None:
    before = {line.line_id for line in await told(trial)}  # of others, in the second in which this began
    paid = (await settled(trial, kind))[-1]
    lines = [line for line in await told(trial) if line.kind is kind and line.line_id not in before]
    if of(lines, kind, paid):
        lines = of(lines, kind, paid)
    assert len(lines) == (2 if kind is LineKind.CONVERSION else 1), lines
    assert all(line.gross > 0 for line in lines if kind in UP)
    assert all(line.gross < 0 for line in lines if kind in DOWN)
    assert all((line.gross, line.net) == (0, -line.fee - line.tax) for line in lines if kind is LineKind.FEE)
    assert all(line.net for line in lines)


@having(Habit.MEMBERS)
async def test_what_a_payout_took_along_adds_up_to_the_payout(trial: Trial) -> None:
    await settled(trial, LineKind.REFUND, LineKind.DISPUTE, LineKind.PAYOUT_FAILED)
    await settled(trial, LineKind.ADJUSTMENT)
    began, end = trial.span()
    lines = once(await trial.account(began - timedelta(days=1), end)).values()
    payouts = {line.object_id: line for line in lines if line.kind is LineKind.PAYOUT}
    assert len(payouts) >= 3
    for name, payout in payouts.items():
        assert sum(line.net for line in lines if line.payout_id == name) == -payout.net, name
        assert payout.payout_id is None


async def test_a_payout_says_whether_anybody_will_ever_tell_what_it_took_along(trial: Trial) -> None:
    await settled(trial)
    payouts = [line for line in await told(trial) if line.kind is LineKind.PAYOUT]
    assert payouts
    assert {line.automatic for line in payouts} == {Habit.MEMBERS not in trial.subject.lacks}


async def test_the_account_is_the_same_in_parts_of_any_size(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    await settled(trial, LineKind.REFUND)
    span = trial.span()
    whole = once(await trial.account(*span))
    for size in (1, 2, 3):
        trial.subject.in_parts(monkeypatch, size)
        assert once(await trial.account(*span)) == whole
    assert len(whole) >= 5


async def test_a_window_asked_for_again_or_in_halves_has_the_same_lines(trial: Trial) -> None:
    await settled(trial)
    since, until = trial.span()
    since -= clock_second  # so that something ends where all lines may be: in the one second of the whole trial
    whole = once(await trial.account(since, until))
    assert once(await trial.account(since, until)) == whole
    middle = max(line.occurred_at for line in whole.values()).replace(microsecond=0)
    for cut in (middle, middle + clock_second / 2):
        before, after = await trial.account(since, cut), await trial.account(cut, until)
        assert once([*before, *after]) == whole
    assert await trial.account(until, until) == []


@having(Feature.SETTLEMENT_FILES)
async def test_the_file_of_the_dashboard_says_what_the_api_says(trial: Trial) -> None:
    moves = [kind for kind in trial.subject.moves if kind is not LineKind.PAYOUT_FAILED]
    await settled(trial, *moves)
    page = trial.gateway.read_settlement(await trial.settlement_file())
    assert (page.unread, page.after) == ((), None)
    since, until = trial.span()
    # A payout of the trial may take along what others left, and the account then tells of that once more.
    lines = [line for line in once(await trial.account(since, until)).values() if since <= line.occurred_at]
    api = {line.line_id: line for line in lines}
    file = {line.line_id: line for line in page.lines if since <= line.occurred_at}
    zone = ZoneInfo(trial.gateway.settlement_zone)
    assert [line for name, line in file.items() if not agree(api[name], line, zone)] == []
    assert {line.kind for name, line in api.items() if name not in file} <= {LineKind.PAYOUT}
    assert {line.kind for line in file.values()} >= {LineKind.CAPTURE, *moves} - {LineKind.PAYOUT}


def agree(api: SettlementLine, file: SettlementLine, zone: ZoneInfo) -> bool:
    """Tell whether a file says what the API does: all but the tax within a fee, and heard in either order."""
    either = [rules.read(line, zone, lambda raw: raw) for line in (api, file)]
    contradicts = any(isinstance(rules.hear(*order), str) for order in (either, either[::-1]))
    splits = {(api.fee, api.tax), (api.fee + api.tax, 0)}
    return not contradicts and (file.fee, file.tax) in splits and said(api) == said(file)


def said(line: SettlementLine) -> tuple[object, ...]:
    """Take of a line what both the API and a file can say."""
    amounts = (line.gross, line.net, line.currency, line.settle_currency)
    return (line.kind, line.object_id, *amounts, line.occurred_at, line.payout_id, line.automatic)


@having(Feature.SETTLEMENT_FILES)
async def test_a_file_survives_a_byte_order_mark_other_line_ends_and_blank_lines(trial: Trial) -> None:
    await settled(trial)
    file = await trial.settlement_file()
    plain = trial.gateway.read_settlement(file)
    assert plain.lines
    unix = file.replace(b"\r\n", b"\n")
    for other in (b"\xef\xbb\xbf" + file, unix, unix.replace(b"\n", b"\n\n"), file.rstrip()):
        assert trial.gateway.read_settlement(other) == plain


NO_FILES = {
    "nothing": b"",
    "a picture": b"\x89PNG\r\n\x1a\n\x00\x00",
    "another table": b"name,amount\r\nAna,12.00\r\n",
    "a page": b"<!doctype html><title>Sign in</title>",
    "an open quotation": b'"RH,balance_transaction_id\r\n',
    "no text": "Überweisung".encode("latin-1"),
    "too much": b"," * (file_bytes_max + 1),
}


@pytest.mark.parametrize("file", NO_FILES)
async def test_what_is_no_such_file_is_refused_in_clear_words(trial: Trial, file: str) -> None:
    with pytest.raises(FileUnreadableError) as refused:
        trial.gateway.read_settlement(NO_FILES[file])
    assert refused.value.status == 422
    assert refused.value.detail.endswith(".")


@having(Feature.SETTLEMENT_FILES)
async def test_a_column_that_is_there_twice_makes_the_file_unreadable(trial: Trial) -> None:
    await settled(trial)
    file = (await trial.settlement_file()).decode()
    header = next(line for line in file.splitlines() if "," in line and "urrency" in line)
    twice = ",".join([header, *header.split(",")])
    with pytest.raises(FileUnreadableError, match="is there twice"):
        trial.gateway.read_settlement(file.replace(header, twice).encode())
