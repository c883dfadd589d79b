"""Take over what an earlier system left behind: users with their credits, and payments that have ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tillkeeper import adoption, customers, ledger, retention
from tillkeeper.adoption import Key, PastPayment, PastUser, Record, digest_of, key_of
from tillkeeper.facts import Earned
from tillkeeper.fulfilment import wallet
from tillkeeper.fulfilment.wallet import FREE, Lot, Opening
from tillkeeper.kernel import failpoints, ids
from tillkeeper.kernel.db import Transaction, retry_conflicts
from tillkeeper.ledger import Journal, recipes
from tillkeeper.payments import Refund, RefundStatus, Status, past
from tillkeeper.payments.past import Past
from tillkeeper.retention import Kind
from tillkeeper.till import Till

EARLIER_ID = "imported_id"
"""Where the metadata of a payment keep what the earlier system called it."""


class Fate(StrEnum):
    """Name what can become of a record."""

    NEW = "new"
    KNOWN = "known"
    CHANGED = "changed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Tell what became of a record, and why where that is not plain."""

    fate: Fate
    reason: str = ""


CHANGED = Verdict(
    fate=Fate.CHANGED, reason="it was taken over before and said something else then; nothing was changed"
)


@retry_conflicts
async def adopt(till: Till, records: Sequence[Record], *, dry_run: bool = False) -> list[Verdict]:
    """Take over records, each once and all that is new of these together; a dry run only tells what would be."""
    async with till.db.transaction(read_only=dry_run) as tx:
        first: dict[Key, Record] = {}
        for record in records:
            first.setdefault(key_of(record), record)
        said = await adoption.digests(tx, list(first))
        fresh = [record for key, record in first.items() if key not in said]
        refused = await _refuse(tx, fresh, till.now())
        fit = {key_of(record): record for record in fresh if key_of(record) not in refused}
        if not dry_run:
            taken = await adoption.claim(tx, list(fit.values()), till.now())
            failpoints.reach("adopt:claimed")
            await _take_over(tx, till, [fit[key] for key in taken], taken)
            said |= await adoption.digests(tx, list(fit.keys() - taken.keys()))  # somebody else was faster
    failpoints.reach("adopt:committed")
    return _verdicts(records, refused, said)


def _verdicts(records: Sequence[Record], refused: Mapping[Key, str], said: Mapping[Key, bytes]) -> list[Verdict]:
    """Judge each record by what was said under its name before, also by records before it."""
    verdicts, known = [], dict(said)
    for record in records:
        key, digest = key_of(record), digest_of(record)
        if key in refused:
            verdicts.append(Verdict(fate=Fate.REFUSED, reason=refused[key]))
        elif key not in known:
            verdicts.append(Verdict(fate=Fate.NEW))
            known[key] = digest
        else:
            verdicts.append(Verdict(fate=Fate.KNOWN) if known[key] in {digest, adoption.FORGOTTEN} else CHANGED)
    return verdicts


async def _refuse(tx: Transaction, records: Sequence[Record], now: datetime) -> dict[Key, str]:
    """Refuse what has not happened yet, and payments that a gateway calls as it calls something else here.

    Money is counted once.
    """
    flaws = {key_of(record): adoption.flaw(record, now) for record in records}
    refused = {key: flaw for key, flaw in flaws.items() if flaw}
    named = {key_of(record): record.names for record in records if isinstance(record, PastPayment)}
    named = {key: names for key, names in named.items() if key not in refused}
    taken = await past.known(tx, [name for names in named.values() for name in names])
    for key, names in named.items():
        known = [name for name in names if name in taken]
        if known or len(set(names)) < len(names):
            refused[key] = f"{' '.join((known or names)[0])} is another payment or refund already"
        else:
            taken.update(names)
    return refused


async def _take_over(tx: Transaction, till: Till, records: Sequence[Record], names: Mapping[Key, UUID]) -> None:
    users = [record for record in records if isinstance(record, PastUser)]
    payments = [record for record in records if isinstance(record, PastPayment)]
    buyers = [each.user for each in payments if each.user]
    known = await customers.ensure_all(tx, [*(each.id for each in users), *buyers])
    openings = {key_of(each): _opening(each, known[each.id], till.now()) for each in users}
    done = await wallet.open_with(tx, list(openings.values()))
    history = [_past(till, each, names[key_of(each)], known.get(each.user or "")) for each in payments]
    await past.remember(tx, history, till.now())
    journals = [
        journal
        for key, opening in openings.items()
        for journal in _book(names[key], opening, *done[opening.user], till.now())
    ]
    await ledger.post(tx, journals)
    await _bring_back(tx, payments)


async def _bring_back(tx: Transaction, payments: Sequence[PastPayment]) -> None:
    """Let retention go through the time of old payments once more, where it has been already."""
    for kind in (Kind.UNPAID, Kind.PAID):
        made = [each.created_at for each in payments if (each.status != Status.SUCCEEDED) == (kind is Kind.UNPAID)]
        if made:
            await retention.bring_back(tx, kind, min(made))


def _opening(record: PastUser, user: UUID, now: datetime) -> Opening:
    lots = tuple(
        Lot(
            id=ids.new(),
            user=user,
            payment=None,
            granted=each.credits,
            remaining=each.credits,
            currency=each.currency or FREE,
            amount=each.amount,
            created_at=each.created_at or now,
            expires_at=each.expires_at,
        )
        for each in record.lots
    )
    return Opening(user=user, lots=lots, debt=record.debt)


def _book(name: UUID, opening: Opening, repaid: int, earned: tuple[Earned, ...], now: datetime) -> list[Journal]:
    brought = recipes.CreditsOpening(
        user=opening.user,
        units=sum(lot.granted for lot in opening.lots),
        debt=opening.debt,
        owed=tuple(Earned(currency=lot.currency, amount=lot.amount) for lot in opening.lots),
        debt_repaid=repaid,
        earned=earned,
    )
    return recipes.credits_opened(name, opening=brought, at=now)


def _past(till: Till, record: PastPayment, name: UUID, user: UUID | None) -> Past:
    succeeded = record.status == Status.SUCCEEDED
    return Past(
        id=name,
        mode=till.settings.mode,
        status=Status(record.status),
        amount=record.amount,
        currency=record.currency,
        captured=record.amount if succeeded else 0,
        user=user,
        gateway=record.gateway,
        reference=record.reference,
        description=record.description,
        metadata={EARLIER_ID: record.id},
        created_at=record.created_at,
        captured_at=(record.captured_at or record.created_at) if succeeded else None,
        refunds=_refunds(record, name),
    )


def _refunds(record: PastPayment, payment: UUID) -> tuple[Refund, ...]:
    return tuple(
        Refund(
            id=ids.new(),
            payment=payment,
            amount=each.amount,
            currency=record.currency,
            status=RefundStatus.SUCCEEDED,
            origin="gateway",
            gateway=record.gateway,
            reference=each.reference,
            reason="taken over from an earlier system",
            created_at=each.created_at or record.created_at,
            settled_at=each.created_at or record.created_at,
        )
        for each in record.refunds
    )
