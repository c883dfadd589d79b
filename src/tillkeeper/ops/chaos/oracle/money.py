"""Money: in balance, as the gateways say, captured once, and given back at most once."""

from collections import Counter
from collections.abc import Iterator

from tillkeeper.ops.chaos.oracle.case import Case, Finding, Row, grouped

OWED_BACK = "refund_payable:"
DECISIONS = {"win": "won", "lose": "lost"}
"""What banks decide, and what a dispute is called from then on."""


def balanced(case: Case) -> Iterator[Finding]:
    """Look for postings across currencies, and for a currency whose debits are not its credits."""
    for row in case.rows["postings"]:
        currencies = {row["currency"], row["debit_currency"], row["credit_currency"]}
        if len(currencies) > 1 or row["amount"] <= 0:
            yield Finding(
                invariant="I1", about=f"journal {row['journal']}", found=str(dict(row)), should_be="one currency"
            )
    totals: Counter[str] = Counter()
    for account in case.rows["accounts"]:
        totals[account["currency"]] += account["debits"] - account["credits"]
    for currency, excess in totals.items():
        if excess:
            yield Finding(invariant="I1", about=currency, found=f"debits exceed credits by {excess}", should_be="0")


def booked(case: Case) -> Iterator[Finding]:
    """Compare what payments say was captured with what was booked so, at their gateways and in their currency."""
    for id_, payment in case.payments.items():
        taken = [posting for kind, posting in case.moves("payment", id_) if kind == "capture"]
        found = sum(each["amount"] for each in taken)
        if found != payment["amount_captured"]:
            about, should_be = "captured money", str(payment["amount_captured"])
            yield Finding(
                invariant="I1", about=about, found=f"{found} booked as captured", should_be=should_be, payment=id_
            )
        clearing = f"gateway:{payment['gateway']}:clearing:{payment['currency']}"
        elsewhere = sorted({each["debit"] for each in taken} - {clearing})
        if elsewhere:
            yield Finding(
                invariant="I1", about="captured money", found=f"booked to {elsewhere}", should_be=clearing, payment=id_
            )


def promised_back(case: Case) -> Iterator[Finding]:
    """Compare refunds with what was booked of them: promised, and out of the gateway's account once they succeeded."""
    for row in case.rows["refunds"]:
        moved = [posting for _, posting in case.moves("refund", row["id"])]
        came, went = _sums(moved, f"gateway:{row['gateway']}:clearing:{row['currency']}")
        promised, kept = _owed(moved)
        # A second capture comes into the books with the refund that takes it back, and its fee stays.
        fees = sum(each["amount"] for each in moved if row["surplus"] and each["debit"].startswith("fees:"))
        amount, status = row["amount"], row["status"]
        should = {
            "promised": amount,
            "still owed": amount if status == "pending" else 0,
            "out of clearing": (amount if status == "succeeded" else 0) - (amount if row["surplus"] else 0),
        }
        found = {"promised": promised, "still owed": promised - kept, "out of clearing": went - came - fees}
        if status == "failed":
            del should["promised"], found["promised"]  # it may have succeeded first, and be promised twice by now
        if found != should:
            about = f"refund {row['id']}, which is {status}"
            yield Finding(
                invariant="I1", about=about, found=f"booked: {found}", should_be=f"{should}", payment=row["payment"]
            )


def disputed(case: Case) -> Iterator[Finding]:
    """Compare what banks decided with what our disputes say, and with what was booked of them."""
    decided = {
        (line["place"].split("/")[0], line["place"].split("/")[2]): line["ask"]
        for line in case.evidence.journal
        if line.get("ask") in DECISIONS
    }
    known = {(row["gateway"], row["reference"]) for row in case.rows["disputes"]}
    for gateway, reference in decided.keys() - known:
        yield Finding(invariant="I2", about=f"dispute {reference} at {gateway}", found="nothing", should_be="a dispute")
    for row in case.rows["disputes"]:
        should = DECISIONS.get(decided.get((row["gateway"], row["reference"]), ""), "a decision")
        moved = [posting for _, posting in case.moves("dispute", row["id"])]
        clearing = f"gateway:{row['gateway']}:clearing:{row['currency']}"
        held = f"gateway:{row['gateway']}:dispute_receivable:{row['currency']}"
        came, went = _sums(moved, clearing)
        fees = sum(each["amount"] for each in moved if each["debit"].startswith("fees:"))
        withheld, released = _sums(moved, held)
        found = (row["status"], went - came - fees, withheld - released)
        if found != (should, row["amount"] if should == "lost" else 0, 0):
            about = f"dispute {row['id']} of {row['amount']}"
            told = f"{found[0]}, {found[1]} out of clearing, {found[2]} held"
            yield Finding(invariant="I2", about=about, found=told, should_be=should, payment=row["payment"])


def _owed(moved: list[Row]) -> tuple[int, int]:
    """Add up what was promised to a customer, and what of that was kept or taken back."""
    promised = sum(each["amount"] for each in moved if each["credit"].startswith(OWED_BACK))
    return promised, sum(each["amount"] for each in moved if each["debit"].startswith(OWED_BACK))


def _sums(moved: list[Row], account: str) -> tuple[int, int]:
    came = sum(each["amount"] for each in moved if each["debit"] == account)
    return came, sum(each["amount"] for each in moved if each["credit"] == account)


def as_gateways_say(case: Case) -> Iterator[Finding]:
    """Compare every payment with the lines of the gateways' books that name it."""
    for stray in case.stray:
        yield Finding(invariant="I2", about="money for no payment of ours", found=stray, should_be="nothing")
    for id_ in case.lines.keys() - case.payments.keys():
        yield Finding(
            invariant="I2", about="money for no payment of ours", found=str(case.lines[id_]), should_be="nothing"
        )
    for id_, row in case.payments.items():
        lines = case.lines.get(id_, [])
        ours = {
            "captured": row["amount_captured"] + case.surplus(id_),
            "refunded": row["amount_refunded"] + case.surplus(id_, "succeeded"),
            "disputed": row["amount_disputed"],
        }
        for name, amount in ours.items():
            theirs = sum(getattr(line, name) for line in lines)
            if theirs != amount:
                found, should_be = f"{amount} here", f"{theirs}, as in the gateways' books: {lines}"
                yield Finding(invariant="I2", about=name, found=found, should_be=should_be, payment=id_)
        currencies = {line.currency for line in lines} - {row["currency"]}
        if currencies:
            found, should_be = f"{row['currency']} here", f"{sorted(currencies)}, as in the gateways' books"
            yield Finding(invariant="I2", about="the currency", found=found, should_be=should_be, payment=id_)


def refunded(case: Case) -> Iterator[Finding]:
    """Look for more that goes back than came, and for refunds that do not add up."""
    for id_, row in case.payments.items():
        captured = row["amount_captured"]
        back = [each for each in case.refunds.get(id_, []) if not each["surplus"] and each["status"] != "failed"]
        promised = sum(each["amount"] for each in back)
        at_gateways = sum(line.refunded - line.captured for line in case.lines.get(id_, []))
        if promised > captured or row["amount_refunded"] > captured or at_gateways > 0:
            found = f"{promised} promised, {row['amount_refunded']} given back, at the gateways {at_gateways} too much"
            yield Finding(invariant="I4", about="refunds", found=found, should_be=f"at most {captured}", payment=id_)
        done = sum(each["amount"] for each in back if each["status"] == "succeeded")
        if done != row["amount_refunded"]:
            found, should_be = f"{row['amount_refunded']} on the payment", f"{done}, the sum of its refunds"
            yield Finding(invariant="I4", about="refunds", found=found, should_be=should_be, payment=id_)


def summed_up(case: Case) -> Iterator[Finding]:
    """Add every wallet and every account up from its entries, and compare wallets with their accounts."""
    yield from _wallets(case)
    moved: Counter[tuple[str, str]] = Counter()
    for row in case.rows["postings"]:
        moved[row["debit"], "debits"] += row["amount"]
        moved[row["credit"], "credits"] += row["amount"]
    for account in case.rows["accounts"]:
        should = {side: moved[account["code"], side] for side in ("debits", "credits")}
        spendable = account["credits"] - account["debits"] - account["held"]
        if any(account[side] != should[side] for side in should) or (account["guarded"] and spendable < 0):
            found, should_be = f"{dict(account)}", f"{should}, and not below zero"
            yield Finding(invariant="I5", about=f"account {account['code']}", found=found, should_be=should_be)


def _wallets(case: Case) -> Iterator[Finding]:
    entries = grouped(case.rows["entries"], "user")
    balances = {row["code"]: row["credits"] - row["debits"] for row in case.rows["accounts"]}
    for wallet in case.rows["wallets"]:
        at, sound = 0, True
        for entry in entries.get(wallet["user"], []):
            sound &= entry["balance_before"] == at and entry["balance_after"] == at + entry["amount"] >= 0
            at = entry["balance_after"]
        if not sound or at != wallet["balance"] or min(wallet["balance"], wallet["debt"], wallet["frozen"]) < 0:
            found = f"{dict(wallet)}, its entries lead to {at}{'' if sound else ' over a gap'}"
            yield Finding(invariant="I5", about=f"wallet {wallet['user']}", found=found, should_be=f"balance {at}")
        booked_as = {
            "balance": balances.get(f"wallet:{wallet['user']}", 0),
            "frozen": balances.get(f"wallet_frozen:{wallet['user']}", 0),
            "debt": -balances.get(f"wallet_debt:{wallet['user']}", 0),
        }
        if any(wallet[name] != amount for name, amount in booked_as.items()):
            yield Finding(
                invariant="I5", about=f"wallet {wallet['user']}", found=f"{dict(wallet)}", should_be=f"{booked_as}"
            )
    for user in entries.keys() - {wallet["user"] for wallet in case.rows["wallets"]}:
        yield Finding(invariant="I5", about=f"entries of {user}", found="no wallet", should_be="a wallet")


def captured_once(case: Case) -> Iterator[Finding]:
    """Look for orders that were paid twice, in one payment or in two."""
    orders = grouped(case.rows["payments"], "purchase")
    for order, rows in orders.items():
        kept = [row["id"] for row in rows if row["amount_captured"]]
        if len(kept) > 1:
            yield Finding(
                invariant="I6", about=f"order {order}", found=f"{kept}", should_be="one payment", payment=kept[0]
            )
    times = Counter(row["payment"] for row in case.rows["changes"] if row["step"] == "captured")
    for id_ in case.payments:
        captures = sum(line.captures for line in case.lines.get(id_, []))
        went_back = sum(row["surplus"] and row["status"] == "succeeded" for row in case.refunds.get(id_, []))
        if captures - went_back > 1 or times[id_] > 1:
            found = f"{captures} captures at the gateways, {went_back} given back, {times[id_]} recorded"
            yield Finding(invariant="I6", about="captures", found=found, should_be="1", payment=id_)
