"""PayPal's account of us beyond what every gateway's has: ids that are not unique, and spans that are too long."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tillkeeper.facts import LineKind, SettlementLine
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.gateways.paypal import GATEWAY, reports, settlement
from tillkeeper.gateways.paypal.adapter import PayPal
from tillkeeper.gateways.paypal.sandbox import ledger
from tillkeeper.gateways.paypal.settlement import Entry
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.kernel.sheets import FileUnreadableError
from tillkeeper.sandbox_kit.books import Books

START = datetime(2026, 5, 1, tzinfo=UTC)
CLIENT = {"PAYPAL_CLIENT_ID": "A_client_for_tests", "PAYPAL_CLIENT_SECRET": "E_secret_for_tests"}
HEAD = '"RH",2026/05/02 02:00:00 -0700,"A","MERCHANT",009\r\n"FH",01\r\n'
NAMES = (
    '"CH","Transaction ID","Invoice ID","PayPal Reference ID","PayPal Reference ID Type","Transaction Event Code",'
    '"Transaction Initiation Date","Transaction Completion Date","Transaction  Debit or Credit",'
    '"Gross Transaction Amount","Gross Transaction Currency","Fee Debit or Credit","Fee Amount","Fee Currency",'
    '"Custom Field","Consumer ID"\r\n'
)
AT = "2026/05/01 10:00:00 -0700"
BODY = '"SB","{id}","attempt_1","","","{code}",{at},{at},"{side}",{amount},"{unit}","DR",{fee},"{unit}","","PAYER"\r\n'
USUAL = {"id": "8AB12345CD678901E", "code": "T0006", "at": AT, "side": "CR", "amount": "1200", "unit": "EUR"} | {
    "fee": "91"
}


@pytest.fixture
async def paypal(sandbox: Any) -> AsyncIterator[PayPal]:
    secrets = CLIENT | {"PAYPAL_WEBHOOK_ID": "4JH86294D6297924G", "PAYPAL_API_BASE": sandbox.api}
    opened = GATEWAY.connect(Secrets(secrets), mode="sandbox")
    assert isinstance(opened, PayPal)
    yield opened
    await opened.close()


def enter(sandbox: Any, at: datetime, count: int = 1, **change: object) -> None:
    """Enter movements that agree in everything that PayPal tells of them."""
    books = Books(sandbox.books)
    with books.change("paypal") as act:
        for number in range(count):
            movement = {
                "id": f"{at}/{number}/{change}",
                "object": "movement",
                "created": int(at.timestamp()),
                "transaction": "8AB12345CD678901E",
                "reference": None,
                "code": "T0006",
                "amount": 1_200,
                "fee": 91,
                "currency": "EUR",
                "invoice_id": None,
                "custom_id": None,
            }
            act.put(movement | change)
    books.close()


async def account(paypal: PayPal, since: datetime, until: datetime) -> list[str]:
    found, after, more = list[str](), None, True
    while more:
        page = await paypal.settlement(since, until, after)
        assert page.unread == ()
        found += [line.line_id for line in page.lines]
        after, more = page.after, page.after is not None
    return found


@pytest.mark.parametrize("size", [1, 2, 500])
async def test_lines_that_agree_in_everything_are_told_apart_wherever_a_page_ends(
    sandbox: Any, paypal: PayPal, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    enter(sandbox, START, 3)
    enter(sandbox, START + timedelta(seconds=1), 2)
    enter(sandbox, START + timedelta(seconds=1), amount=-1_200, fee=0)
    monkeypatch.setattr(settlement, "part_size", size)
    name = "8AB12345CD678901E/T0006/20260501T00000"
    assert await account(paypal, START, START + timedelta(minutes=1)) == [
        f"{name}0/EUR+1200",
        f"{name}0/EUR+1200/2",
        f"{name}0/EUR+1200/3",
        f"{name}1/EUR+1200",
        f"{name}1/EUR+1200/2",
        f"{name}1/EUR-1200",
    ]


async def test_more_than_31_days_are_asked_for_piece_by_piece(sandbox: Any, paypal: PayPal) -> None:
    days = [START + timedelta(days=day) for day in (0, 31, 62, 99)]
    for day in days:
        enter(sandbox, day)
    assert len(await account(paypal, START, START + timedelta(days=99))) == 3
    assert len(await account(paypal, START, START + timedelta(days=100))) == 4
    calls = sandbox.control("GET", "calls")["routes"]["GET /v1/reporting/transactions"]
    assert (calls["calls"], calls["refused"]) == (8, 0)


async def test_a_span_with_more_than_paypal_lists_is_asked_for_in_halves(
    sandbox: Any, paypal: PayPal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "result_items_max", 2)
    for minute in range(7):
        enter(sandbox, START + timedelta(minutes=minute))
    found = await account(paypal, START, START + timedelta(days=1))
    assert (len(found), len(set(found))) == (7, 7)
    enter(sandbox, START, 3)
    with pytest.raises(GatewayUnavailableError, match="more transactions"):
        await account(paypal, START, START + timedelta(seconds=1))


async def test_what_is_only_pending_or_was_denied_is_no_line(sandbox: Any, paypal: PayPal) -> None:
    for status in ("P", "D"):
        enter(sandbox, START, status=status)
    assert await account(paypal, START, START + timedelta(days=1)) == []
    enter(sandbox, START, status="V")
    assert len(await account(paypal, START, START + timedelta(days=1))) == 1


async def test_a_status_that_is_not_known_is_not_passed_over(sandbox: Any, paypal: PayPal) -> None:
    enter(sandbox, START, status="X")
    page = await paypal.settlement(START, START + timedelta(days=1), None)
    assert page.lines == ()
    [unread] = page.unread
    assert "status 'X'" in unread.reason


@pytest.mark.parametrize(
    ("code", "amount", "kind"),
    [
        ("T0006", 100, LineKind.CAPTURE),
        ("T0000", -100, LineKind.ADJUSTMENT),
        ("T0100", -1_500, LineKind.FEE),
        ("T1108", 91, LineKind.FEE),
        ("T0200", -100, LineKind.CONVERSION),
        ("T0400", -100, LineKind.PAYOUT),
        ("T0403", -100, LineKind.PAYOUT),
        ("T1101", 100, LineKind.PAYOUT_FAILED),
        ("T1106", -100, LineKind.REFUND),
        ("T1107", -100, LineKind.REFUND),
        ("T1107", 100, LineKind.REFUND_FAILED),
        ("T1110", -100, LineKind.DISPUTE),
        ("T1111", 100, LineKind.DISPUTE_REVERSED),
        ("T1201", -100, LineKind.DISPUTE),
        ("T1202", 100, LineKind.DISPUTE_REVERSED),
        ("T1503", -100, LineKind.RESERVE),
        ("T2102", 100, LineKind.RESERVE),
        ("T1200", 100, LineKind.ADJUSTMENT),
        ("T0800", 100, LineKind.ADJUSTMENT),
    ],
)
def test_event_codes_say_what_moved(code: str, amount: int, kind: LineKind) -> None:
    line = settlement.of_entry(entry(code=code, amount=amount), "name")
    assert (line.kind, line.net) == (kind, amount)
    assert (line.gross, line.fee) == ((0, -amount) if kind is LineKind.FEE else (amount, 0))


@pytest.mark.parametrize(("code", "gross", "fee"), [("T1201", -1_500, 0), ("T0106", 0, 1_500), ("T0114", 0, 1_500)])
def test_the_money_and_the_fee_of_a_dispute_name_its_payment_alone(code: str, gross: int, fee: int) -> None:
    line = settlement.of_entry(entry(code=code, amount=-1_500, reference="8AB0"), "name")
    assert (line.kind, line.object_id, line.parent_id) == (LineKind.DISPUTE, None, "8AB0")
    assert (line.gross, line.fee, line.net) == (gross, fee, -1_500)


def entry(**change: Any) -> Entry:
    told: dict[str, Any] = {"id": "8AB1", "code": "T0006", "at": START, "amount": 100, "fee": 0, "currency": "EUR"}
    return Entry(**(told | {"reference": None, "custom": "", "invoice": "attempt_1", "raw": "{}"} | change))


def report(*rows: str, names: str = NAMES, count: int | None = None, end: str = '"FF",1\r\n') -> bytes:
    counted = f'"SC",{len(rows) if count is None else count}\r\n'
    return f'{HEAD}"SH",x,y,"M",""\r\n{names}{"".join(rows)}{counted}"RC",1\r\n{end}'.encode()


def row(**change: str) -> str:
    return BODY.format(**USUAL | change)


@pytest.mark.parametrize(
    ("unit", "amount", "minor"), [("EUR", "1200", 1_200), ("JPY", "1200", 1_200), ("HUF", "1200", 120_000)]
)
def test_amounts_of_a_report_count_the_smallest_unit_that_paypal_knows(unit: str, amount: str, minor: int) -> None:
    [line] = reports.read(report(row(unit=unit, amount=amount, fee=""))).lines
    assert (line.gross, line.fee, line.currency) == (minor, 0, unit)
    assert line.occurred_at == datetime(2026, 5, 1, 17, tzinfo=UTC)


def test_the_side_of_the_account_gives_an_amount_its_sign() -> None:
    credit, debit = reports.read(report(row(), row(id="9", side="DR", code="T1107", fee=""))).lines
    assert (credit.kind, credit.gross, credit.fee, credit.net) == (LineKind.CAPTURE, 1_200, 91, 1_109)
    assert (debit.kind, debit.gross, debit.net) == (LineKind.REFUND, -1_200, -1_200)


@pytest.mark.parametrize("spaces", [" ", "  ", "   "])
def test_columns_are_found_by_name_with_however_many_spaces(spaces: str) -> None:
    header, cells = NAMES.rstrip().split(","), row().rstrip().split(",")
    order = [0, *reversed(range(1, len(header)))]
    turned = ",".join(header[place] for place in order).replace("Transaction  Debit", f"Transaction{spaces}Debit")
    [line] = reports.read(report(",".join(cells[place] for place in order) + "\r\n", names=f"{turned}\r\n")).lines
    assert line.gross == 1_200


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount": "12.00"}, "no amount"),
        ({"amount": "-1200"}, "no amount"),
        ({"unit": "KWD"}, "no amount"),
        ({"side": "XX"}, "'XX'"),
        ({"code": "9999"}, "no event code"),
        ({"at": "yesterday"}, "yesterday"),
        ({"id": "=1+1"}, "no id"),
    ],
)
def test_a_row_that_cannot_be_read_is_kept_beside_those_that_can(change: dict[str, str], reason: str) -> None:
    page = reports.read(report(row(), row(**change)))
    assert len(page.lines) == 1
    assert [reason in unread.reason for unread in page.unread] == [True], page.unread
    assert all(isinstance(line, SettlementLine) for line in page.lines)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (report(row(), end=""), "cut off"),
        (report(row(), count=2), "says that it has '2' rows"),
        (report(row(), names=""), "before the names"),
        (report(row())[len('"RH"') :], "does not begin with RH"),
        (report(names=NAMES.replace("Fee Amount", "Fee")), "'fee amount' is missing"),
    ],
)
def test_a_report_that_is_not_whole_is_refused(file: bytes, why: str) -> None:
    with pytest.raises(FileUnreadableError, match=why):
        reports.read(file)
