"""Goods: delivered once to whoever bought them, and taken back for what went back."""

from collections.abc import Iterator

from tillkeeper.ops.chaos.oracle.case import Case, Finding, Row

UNITS = {"credits_50": 50, "credits_120": 120, "credits_300": 300, "credits_600": 600}
PLACES = ("wallet", "wallet_frozen", "wallet_debt")
"""Where credits that go back are taken from: what can be spent, what cannot, and what is owed from then on."""
MOVED_BY_CLAIMS = ("revoke", "restore", "freeze", "thaw")


def delivered(case: Case) -> Iterator[Finding]:
    """Compare what was handed over, and what of it was taken back, with what was paid and given back."""
    for row in case.rows["undelivered"]:
        yield Finding(
            invariant="I3",
            about="goods",
            found=f"held back: {row['reason']}",
            should_be="goods",
            payment=row["payment"],
        )
    for id_, row in case.payments.items():
        goods = case.entitlements.get(id_, [])
        grants = [entry for entry in case.entries.get(id_, []) if entry["kind"] == "grant"]
        owed = units_of(case, row) if row["amount_captured"] else 0
        times = 1 if row["amount_captured"] else 0
        told = [
            (len(goods), len(grants)),
            (sum(each["granted"] for each in goods), sum(each["amount"] for each in grants)),
        ]
        if told != [(times, times), (owed, owed)]:
            found = f"{len(goods)} deliveries and {len(grants)} grants, of {told[1][0]} and {told[1][1]} units"
            should_be = f"{times} of {owed} units"
            yield Finding(
                invariant="I3", about=f"goods ({row['status']})", found=found, should_be=should_be, payment=id_
            )
            continue
        back = row["amount_refunded"] + row["amount_refunding"] + row["amount_lost"]
        revoked = sum(each["revoked"] for each in goods)
        due = owed * min(back, row["amount_captured"]) // max(row["amount_captured"], 1)
        if revoked != due:
            yield Finding(invariant="I3", about="revoked goods", found=str(revoked), should_be=str(due), payment=id_)


def units_of(case: Case, payment: Row) -> int:
    """Tell how many credits a client wished for; what nobody wished for fits nothing."""
    wish = case.wishes.get(payment["purchase"])
    return UNITS[wish["package"]] * wish["quantity"] if wish else -1


def handed_to(case: Case) -> Iterator[Finding]:
    """Look for goods and credits that somebody else has than who bought them."""
    for id_, row in case.payments.items():
        owners = {each["user"] for each in case.entitlements.get(id_, [])}
        sources = (id_, *(id_of for _, id_of in case.took_back(id_)))
        owners |= {entry["user"] for source in sources for entry in case.entries.get(source, [])}
        if owners - {row["user"]}:
            yield Finding(
                invariant="I3", about="whose goods", found=str(sorted(owners)), should_be=str(row["user"]), payment=id_
            )


def taken_back(case: Case) -> Iterator[Finding]:
    """Compare what is marked as revoked with the credits that left wallets, or are owed, in books and in entries."""
    for id_, row in case.payments.items():
        revoked = sum(each["revoked"] for each in case.entitlements.get(id_, []))
        places = [f"{place}:{row['user']}" for place in PLACES]
        moved = [
            posting
            for source, id_of in case.took_back(id_)
            for kind, posting in case.moves(source, id_of)
            if kind != "debt_repaid"
        ]
        taken = sum(_out_of(posting, places) for posting in moved)
        left = sum(_out_of(posting, places[:1]) for posting in moved)
        entries = [entry for _, id_of in case.took_back(id_) for entry in case.entries.get(id_of, [])]
        gone = -sum(entry["amount"] for entry in entries if entry["kind"] in MOVED_BY_CLAIMS)
        if taken != revoked or gone != left:
            found = f"{taken} taken back in the books, {left} of them from the wallet, whose entries say {gone}"
            yield Finding(
                invariant="I3", about="revoked goods", found=found, should_be=f"{revoked}, as marked", payment=id_
            )


def _out_of(posting: Row, places: list[str]) -> int:
    """Tell how many units a posting takes out of places, less what it brings back."""
    amount: int = posting["amount"]
    return amount * ((posting["debit"] in places) - (posting["credit"] in places))
