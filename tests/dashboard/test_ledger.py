"""The pages of the books: balances and their proof, statements, entries, seals, and the proof at a button."""

import re
from typing import Any

import pytest

from tillkeeper.flows import seal as sealing
from tillkeeper.reports import books
from tillkeeper.web.dashboard import tree
from tillkeeper.web.dashboard.pages import ledger as page

HOSTILE = "<script>alert(1)</script>"
EVERY = ("/ledger", "/ledger/journals", "/ledger/accounts", "/ledger/seals")


async def test_the_trial_balance_shows_each_currency_with_its_proof(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    shown = await (await desk_of("viewer")).read("/ledger")
    for said in ("EUR", "Credits", "Debits equal credits", "gateway · stripe · clearing", "wallets", "120 credits"):
        assert said in shown, said
    assert "Debits and credits differ" not in shown


async def test_books_that_do_not_balance_say_so(shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.paid()
    balanced = books.show

    def crooked(balance: Any) -> Any:
        shown: Any = balanced(balance)
        shown["totals"][0]["difference"] = 1
        return shown

    monkeypatch.setattr(books, "show", crooked)
    assert "Debits and credits differ" in await (await desk_of("viewer")).read("/ledger")


@pytest.mark.parametrize("path", EVERY)
async def test_empty_books_say_what_to_do(desk_of: Any, path: str) -> None:
    answer = await (await desk_of("viewer")).get(path)
    assert answer.status_code == 200
    assert 'class="empty"' in answer.text or path == "/ledger/seals", "the first seal is always there"


async def test_balances_of_a_past_moment_leave_out_what_came_later(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk = await desk_of("viewer")
    assert "Nothing had happened by then" in await desk.read("/ledger", as_of="2020-01-01T10:00")
    assert "as of 2090-01-01 10:00:00 UTC" in await desk.read("/ledger", as_of="2090-01-01T10:00")


@pytest.mark.parametrize("path", ["/ledger?as_of=soon", "/ledger/statement?account=deferred:EUR&since=soon"])
async def test_a_moment_that_is_none_is_explained(desk_of: Any, path: str) -> None:
    answer = await (await desk_of("viewer")).http.get(f"/admin{path}")
    assert (answer.status_code, "A moment is written" in answer.text) == (422, True)


async def test_a_statement_runs_along_and_leads_to_its_entries(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 60)
    desk = await desk_of("viewer")
    shown = await desk.get("/ledger/statement", account="deferred:EUR")
    assert [part in shown.text for part in ("1.39", "1.99", "refund_payable:EUR")] == [True] * 3
    [journal, *_] = re.findall(r"/admin/ledger/journals/(journal_\w+)", shown.text)
    entry = await desk.read(f"/ledger/journals/{journal}")
    assert "Refund requested" in entry
    assert payment["id"] in (await desk.get(f"/ledger/journals/{journal}")).text
    assert "120 credits" in await desk.read("/ledger/statement", account="wallet:ana")


async def test_balances_and_statements_come_as_csv(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk = await desk_of("viewer")
    for path, head in (("/ledger?as_of=2090-01-01T10:00", "code,"), ("/ledger/statement?account=deferred:EUR", "eff")):
        shown = (await desk.http.get(f"/admin{path}")).text
        [link] = re.findall(r'href="([^"]+)" hx-boost="false" download', shown)
        answer = await desk.http.get(link.replace("&amp;", "&"))
        assert (answer.status_code, answer.text.startswith(head)) == (200, True), answer.text
        assert "deferred:EUR" in answer.text or "gateway:stripe:clearing:EUR" in answer.text


async def test_lists_go_on_where_a_page_ends(shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "rows_per_page", 1)
    await shop.paid()
    await sealing.seal(shop.till)
    await shop.paid()
    await sealing.seal(shop.till)
    desk = await desk_of("viewer")
    for path in ("/ledger/journals", "/ledger/accounts", "/ledger/seals", "/ledger/statement?account=deferred:EUR"):
        first = await desk.http.get(f"/admin{path}")
        [after] = re.findall(r'rel="next" href="([^"]+)"', first.text)
        second = await desk.http.get(after.replace("&amp;", "&"))
        assert second.status_code == 200, second.text
        assert "Back to the" in second.text
        rows = [re.findall(r"<tbody>.*?</tbody>", each.text, re.DOTALL) for each in (first, second)]
        assert rows[0] != rows[1], path


async def test_entries_of_one_payment_alone(shop: Any, desk_of: Any) -> None:
    one, other = await shop.paid(), await shop.opened()
    desk = await desk_of("viewer")
    assert "Payment capture" in await desk.read("/ledger/journals", payment=one["id"])
    assert "Nothing was booked for this payment" in await desk.read("/ledger/journals", payment=other["id"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ledger/journals/journal_01h455vb4pex5vsknk084sn02q", 404),
        ("/ledger/journals/nonsense", 404),
        ("/ledger/journals?payment=nonsense", 404),
        ("/ledger/journals?cursor=nonsense", 404),
        ("/ledger/statement", 422),
        ("/ledger/statement?account=nothing:EUR", 404),
        ("/ledger/statement?account=deferred:EUR&cursor=nonsense", 422),
        ("/ledger/seals?cursor=nonsense", 422),
        ("/ledger/seals?cursor=99999999999999999999", 422),
    ],
)
async def test_what_does_not_exist_is_a_page_that_says_so(desk_of: Any, path: str, status: int) -> None:
    answer = await (await desk_of("viewer")).http.get(f"/admin{path}")
    assert (answer.status_code, "<h1" in answer.text) == (status, True)


async def test_what_is_typed_is_shown_as_text(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk = await desk_of("viewer")
    for path, field in (
        ("/ledger/accounts", "prefix"),
        ("/ledger/statement", "account"),
        ("/ledger/journals", "payment"),
    ):
        answer = await desk.get(path, **{field: HOSTILE})
        assert answer.status_code in {200, 404}
        assert HOSTILE not in answer.text


async def test_the_proof_at_a_button_says_that_the_books_balance(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    await sealing.seal(shop.till)
    desk = await desk_of("finance")
    before = await shop.count("audit_entry")
    answer = await desk.post("/ledger/verify")
    assert (answer.status_code, "The books balance" in answer.text) == (200, True)
    [anchor] = set(re.findall(r'data-copy="(\d+:[0-9a-f]{64})"', answer.text))
    assert "The books balance" in (await desk.post("/ledger/verify", anchor=anchor)).text
    rewritten = await desk.post("/ledger/verify", anchor=f"{anchor[:-4]}0000")
    assert "is not the one that you kept" in rewritten.text
    assert await shop.count("audit_entry") == before, "a look changes nothing"


async def test_an_anchor_that_is_none_is_explained_in_the_dialog(desk_of: Any) -> None:
    answer = await (await desk_of("finance")).post("/ledger/verify", anchor="what is this")
    assert (answer.status_code, "NUMBER:HASH" in answer.text, 'value="what is this"' in answer.text) == (
        422,
        True,
        True,
    )


async def test_a_wallet_that_was_changed_by_hand_is_found(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk = await desk_of("finance")
    await shop.owner.execute("UPDATE wallet SET balance = balance + 1")
    answer = await desk.post("/ledger/verify")
    await shop.owner.execute("UPDATE wallet SET balance = balance - 1")
    assert "promises are broken" in answer.text
    assert "a wallet is not the sum of its movements" in answer.text


async def test_a_proof_that_takes_too_long_says_where_it_can_be_had(
    desk_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "proof_seconds_max", 0)
    answer = await (await desk_of("finance")).post("/ledger/verify")
    assert (answer.status_code, "till ledger check" in answer.text) == (200, True)


async def test_who_only_looks_has_no_button_and_is_refused(desk_of: Any) -> None:
    desk = await desk_of("viewer")
    assert "/ledger/verify" not in (await desk.get("/ledger")).text
    token = (await desk.hidden("/you"))["token"]
    assert (await desk.get("/ledger/verify")).status_code == 403
    assert (await desk.send("/ledger/verify", {"token": token})).status_code == 403
    assert "/ledger/verify" in (await (await desk_of("finance")).get("/ledger")).text


def account(code: str, currency: str, kind: str, debits: int, credits_: int) -> Any:
    balance = debits - credits_ if kind in {"asset", "expense"} else credits_ - debits
    return {
        "code": code,
        "currency": currency,
        "class": kind,
        "debits": debits,
        "credits": credits_,
        "balance": balance,
    }


def test_accounts_hang_together_by_the_parts_of_their_codes() -> None:
    rows = tree.rows(
        [
            account("bank:EUR", "EUR", "asset", 5, 0),
            account("gateway:paypal:clearing:EUR", "EUR", "asset", 7, 1),
            account("gateway:stripe:clearing:EUR", "EUR", "asset", 10, 4),
            account("gateway:stripe:reserve:EUR", "EUR", "asset", 1, 0),
        ]
    )
    assert [(row.depth, row.name, row.balance) for row in rows] == [
        (0, "bank", 5),
        (0, "gateway", 13),
        (1, "paypal · clearing", 6),
        (1, "stripe", 7),
        (2, "clearing", 6),
        (2, "reserve", 1),
    ]
    assert [row.code for row in rows if row.code is None] == [None, None], "a branch is no account"


def test_a_branch_of_accounts_that_grow_on_both_sides_has_no_balance() -> None:
    branch, *_ = tree.rows(
        [account("fx:trade:EUR", "EUR", "income", 1, 0), account("fx:other:EUR", "EUR", "expense", 0, 1)]
    )
    assert (branch.name, branch.balance, branch.kind) == ("fx", None, None)


def test_what_all_users_have_together_is_called_by_words() -> None:
    rows = tree.rows(
        [
            account("holder:*:PACK:stars", "PACK:stars", "unit", 0, 5),
            account("issuer:PACK:stars", "PACK:stars", "unit", 5, 0),
        ]
    )
    assert [(row.name, row.code) for row in rows] == [
        ("cards held", "holder:*:PACK:stars"),
        ("issuer", "issuer:PACK:stars"),
    ]
