"""Every operation of the API as a method."""

# Written by clients/python/generate.py; change the API's description, and write it anew.

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from tillkeeper_client import models
from tillkeeper_client.calls import OMITTED, Call, Omitted, given, in_path, new_key
from tillkeeper_client.pages import AsyncPage, Page
from tillkeeper_client.transport import AsyncTransport, Transport


class Payments:
    """Open a checkout, and see what became of it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(
        self,
        *,
        user: str | Omitted = OMITTED,
        status: models.PaymentStatus | Omitted = OMITTED,
        gateway: str | Omitted = OMITTED,
        created_after: datetime | Omitted = OMITTED,
        created_before: datetime | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> Page[models.Payment]:
        """List payments, newest first; an end user's own."""
        call = Call(
            method="GET",
            path="/api/v1/payments",
            query=given(
                user=user,
                status=status,
                gateway=gateway,
                created_after=created_after,
                created_before=created_before,
                limit=limit,
                cursor=cursor,
            ),
        )
        return self._transport.page(call, models.Payment)

    def create(
        self,
        *,
        package: str | Omitted | None = OMITTED,
        quantity: int | Omitted | None = OMITTED,
        amount: int | Omitted | None = OMITTED,
        currency: str | Omitted | None = OMITTED,
        user: str | Omitted | None = OMITTED,
        description: str | Omitted | None = OMITTED,
        gateway: str | Omitted = OMITTED,
        checkout: Literal["hosted", "embedded"] | Omitted = OMITTED,
        capture_method: Literal["automatic", "manual"] | Omitted = OMITTED,
        return_url: str | Omitted | None = OMITTED,
        customer: str | Omitted | None = OMITTED,
        metadata: dict[str, str] | Omitted = OMITTED,
        context: models.Context | Omitted = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.Payment:
        """Open a checkout for a package or an amount; an end user buys packages for nobody else."""
        call = Call(
            method="POST",
            path="/api/v1/payments",
            body=given(
                package=package,
                quantity=quantity,
                amount=amount,
                currency=currency,
                user=user,
                description=description,
                gateway=gateway,
                checkout=checkout,
                capture_method=capture_method,
                return_url=return_url,
                customer=customer,
                metadata=metadata,
                context=context,
            ),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Payment)

    def capture(
        self, payment: str, *, amount: int | Omitted | None = OMITTED, idempotency_key: str | None = None
    ) -> models.Payment:
        """Take authorised money, all of it or a part."""
        call = Call(
            method="POST",
            path=f"/api/v1/payments/{in_path(payment)}/capture",
            body=given(amount=amount),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Payment)

    def cancel(self, payment: str, *, idempotency_key: str | None = None) -> models.Payment:
        """End a payment that is not captured; an end user one that is not even authorised."""
        call = Call(
            method="POST",
            path=f"/api/v1/payments/{in_path(payment)}/cancel",
            body=given(),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Payment)

    def confirm(self, payment: str, data: Mapping[str, str]) -> models.Payment:
        """Go on with what the customer approved in a page of yours; safe to repeat."""
        call = Call(method="POST", path=f"/api/v1/payments/{in_path(payment)}/confirm", body=data)
        return self._transport.model(call, models.Payment)

    def sync(self, payment: str) -> models.Payment:
        """Ask the gateway what has become of a payment, apply its answer, and show it."""
        call = Call(method="POST", path=f"/api/v1/payments/{in_path(payment)}/sync")
        return self._transport.model(call, models.Payment)

    def fulfil(self, payment: str) -> models.Payment:
        """Try now to deliver goods that were paid and put off or given up; safe to repeat, nothing is delivered twice."""
        call = Call(method="POST", path=f"/api/v1/payments/{in_path(payment)}/fulfil")
        return self._transport.model(call, models.Payment)

    def annotate(self, payment: str, *, text: str, idempotency_key: str | None = None) -> models.Note:
        """Note something about a payment for your own people: it stands in the timeline, and is never changed."""
        call = Call(
            method="POST",
            path=f"/api/v1/payments/{in_path(payment)}/notes",
            body=given(text=text),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Note)

    def show(self, payment: str) -> models.Payment:
        """Show a payment."""
        call = Call(method="GET", path=f"/api/v1/payments/{in_path(payment)}")
        return self._transport.model(call, models.Payment)

    def timeline(self, payment: str) -> models.Timeline:
        """Show everything that happened to a payment, in order."""
        call = Call(method="GET", path=f"/api/v1/payments/{in_path(payment)}/timeline")
        return self._transport.model(call, models.Timeline)


class Refunds:
    """Give money back, and take the goods back with it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(
        self, *, payment: str | Omitted = OMITTED, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED
    ) -> Page[models.Refund]:
        """List refunds, newest first; an end user's own."""
        call = Call(method="GET", path="/api/v1/refunds", query=given(payment=payment, limit=limit, cursor=cursor))
        return self._transport.page(call, models.Refund)

    def create(
        self,
        *,
        payment: str,
        amount: int | Omitted | None = OMITTED,
        reason: str | Omitted | None = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.Refund:
        """Give money back, and take the goods back with it."""
        call = Call(
            method="POST",
            path="/api/v1/refunds",
            body=given(payment=payment, amount=amount, reason=reason),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Refund)

    def fail(self, refund: str, *, reason: str) -> models.Refund:
        """End a refund of which nobody could find out whether it was made, after a look at the gateway's dashboard.

        The gateway is asked once more. If it has the refund, the refund succeeds; if not, it fails, its goods come back,
            and it can be asked for again.
        """
        call = Call(method="POST", path=f"/api/v1/refunds/{in_path(refund)}/fail", body=given(reason=reason))
        return self._transport.model(call, models.Refund)

    def show(self, refund: str) -> models.Refund:
        """Show a refund."""
        call = Call(method="GET", path=f"/api/v1/refunds/{in_path(refund)}")
        return self._transport.model(call, models.Refund)


class RefundRequests:
    """Ask for money back, and decide about it by a policy and by people."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(
        self,
        *,
        payment: str | Omitted = OMITTED,
        status: Literal["open", "approved", "rejected", "refunded", "failed"] | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> Page[models.RefundRequest]:
        """List requests, newest first; an end user's own."""
        call = Call(
            method="GET",
            path="/api/v1/refund_requests",
            query=given(payment=payment, status=status, limit=limit, cursor=cursor),
        )
        return self._transport.page(call, models.RefundRequest)

    def create(
        self,
        *,
        payment: str,
        reason_code: models.ReasonCode,
        amount: int | Omitted | None = OMITTED,
        note: str | Omitted | None = OMITTED,
        evidence: list[str] | Omitted = OMITTED,
        override_reason: str | Omitted | None = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.RefundRequest:
        """Ask for money back; the policy refunds at once, says how many people must agree, or rejects.

        An end user asks for payments of their own, and is told what was decided, not by whom.
        """
        call = Call(
            method="POST",
            path="/api/v1/refund_requests",
            body=given(
                payment=payment,
                reason_code=reason_code,
                amount=amount,
                note=note,
                evidence=evidence,
                override_reason=override_reason,
            ),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.RefundRequest)

    def create_many(
        self,
        *,
        reason_code: models.ReasonCode,
        payments: list[str] | Omitted | None = OMITTED,
        filter: models.Filter | Omitted | None = OMITTED,
        note: str | Omitted | None = OMITTED,
        dry_run: bool | Omitted = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.RefundBulk:
        """Ask for the money of up to 100 payments back, with a result for each; repeat it to go on after a failure.

        With `dry_run` nothing is stored, and the key stays unused.
        """
        call = Call(
            method="POST",
            path="/api/v1/refund_requests/bulk",
            body=given(reason_code=reason_code, payments=payments, filter=filter, note=note, dry_run=dry_run),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.RefundBulk)

    def approve(
        self, refund_request: str, *, note: str | Omitted | None = OMITTED, idempotency_key: str | None = None
    ) -> models.RefundRequest:
        """Agree to a request; with the last agreement that is needed the money goes back."""
        call = Call(
            method="POST",
            path=f"/api/v1/refund_requests/{in_path(refund_request)}/approve",
            body=given(note=note),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.RefundRequest)

    def reject(self, refund_request: str, *, reason: str, idempotency_key: str | None = None) -> models.RefundRequest:
        """Turn a request down, saying why."""
        call = Call(
            method="POST",
            path=f"/api/v1/refund_requests/{in_path(refund_request)}/reject",
            body=given(reason=reason),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.RefundRequest)

    def show(self, refund_request: str) -> models.RefundRequest:
        """Show a request with its history."""
        call = Call(method="GET", path=f"/api/v1/refund_requests/{in_path(refund_request)}")
        return self._transport.model(call, models.RefundRequest)

    def policies(self) -> Page[models.RefundPolicy]:
        """List the rules that are in force and those before them, the present ones first."""
        call = Call(method="GET", path="/api/v1/refund_policies")
        return self._transport.page(call, models.RefundPolicy)

    def set_policy(
        self,
        *,
        auto_approve_units: int | Omitted | None = OMITTED,
        auto_approve_amounts: dict[str, int] | Omitted = OMITTED,
        second_person_units: int | Omitted | None = OMITTED,
        second_person_amounts: dict[str, int] | Omitted = OMITTED,
        window_hours: int | Omitted | None = OMITTED,
        share_min_bps: int | Omitted = OMITTED,
        share_max_bps: int | Omitted = OMITTED,
        used_goods: bool | Omitted = OMITTED,
        direct_refunds: bool | Omitted = OMITTED,
        note: str | Omitted | None = OMITTED,
    ) -> models.RefundPolicy:
        """Put other rules in force for what is asked from now on.

        Rules that raise or end a second person's limit are only proposed (202) until another key puts the same.
        """
        call = Call(
            method="PUT",
            path="/api/v1/refund_policies",
            body=given(
                auto_approve_units=auto_approve_units,
                auto_approve_amounts=auto_approve_amounts,
                second_person_units=second_person_units,
                second_person_amounts=second_person_amounts,
                window_hours=window_hours,
                share_min_bps=share_min_bps,
                share_max_bps=share_max_bps,
                used_goods=used_goods,
                direct_refunds=direct_refunds,
                note=note,
            ),
        )
        return self._transport.model(call, models.RefundPolicy)


class Customers:
    """Who pays."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(self, *, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED) -> Page[models.Customer]:
        """List customers, newest first."""
        call = Call(method="GET", path="/api/v1/customers", query=given(limit=limit, cursor=cursor))
        return self._transport.page(call, models.Customer)

    def create(
        self,
        *,
        email: str | Omitted | None = OMITTED,
        name: str | Omitted | None = OMITTED,
        external_id: str | Omitted | None = OMITTED,
    ) -> models.Customer:
        """Find or create a customer: the same `external_id`, or else the same `email`, is the same customer."""
        call = Call(
            method="POST", path="/api/v1/customers", body=given(email=email, name=name, external_id=external_id)
        )
        return self._transport.model(call, models.Customer)

    def show(self, customer: str) -> models.Customer:
        """Show a customer."""
        call = Call(method="GET", path=f"/api/v1/customers/{in_path(customer)}")
        return self._transport.model(call, models.Customer)


class Disputes:
    """Money that a customer's bank takes back."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def evidence(self, dispute: str) -> models.Evidence:
        """Show what our own records have to say to a dispute; nothing is sent."""
        call = Call(method="GET", path=f"/api/v1/disputes/{in_path(dispute)}/evidence")
        return self._transport.model(call, models.Evidence)

    def submit_evidence(
        self,
        dispute: str,
        *,
        statement: str | Omitted | None = OMITTED,
        product: str | Omitted | None = OMITTED,
        refund_policy: str | Omitted | None = OMITTED,
        refunds: str | Omitted | None = OMITTED,
        customer_name: str | Omitted | None = OMITTED,
        customer_email: str | Omitted | None = OMITTED,
        customer_ip: str | Omitted | None = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.Dispute:
        """Hand in what speaks for you: our records of the delivery, and your own words. Most gateways take it once."""
        call = Call(
            method="POST",
            path=f"/api/v1/disputes/{in_path(dispute)}/evidence",
            body=given(
                statement=statement,
                product=product,
                refund_policy=refund_policy,
                refunds=refunds,
                customer_name=customer_name,
                customer_email=customer_email,
                customer_ip=customer_ip,
            ),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Dispute)

    def accept(self, dispute: str, *, idempotency_key: str | None = None) -> models.Dispute:
        """Give a dispute up: the customer keeps the money."""
        call = Call(
            method="POST",
            path=f"/api/v1/disputes/{in_path(dispute)}/accept",
            body=given(),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Dispute)

    def show(self, dispute: str) -> models.Dispute:
        """Show a dispute."""
        call = Call(method="GET", path=f"/api/v1/disputes/{in_path(dispute)}")
        return self._transport.model(call, models.Dispute)

    def find(
        self,
        *,
        payment: str | Omitted = OMITTED,
        status: models.DisputeStatus | Omitted = OMITTED,
        due: Literal["overdue", "soon", "waiting"] | Omitted = OMITTED,
        sort: Literal["opened", "due"] | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> Page[models.Dispute]:
        """List disputes, newest first, or with `sort=due` by the day on which they must be answered, earliest first."""
        call = Call(
            method="GET",
            path="/api/v1/disputes",
            query=given(payment=payment, status=status, due=due, sort=sort, limit=limit, cursor=cursor),
        )
        return self._transport.page(call, models.Dispute)


class Goods:
    """What is for sale, and what users have: credits and cards."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def packages(self) -> Page[models.Package]:
        """List what is for sale."""
        call = Call(method="GET", path="/api/v1/packages")
        return self._transport.page(call, models.Package)

    def wallet(self, user: str) -> models.Wallet:
        """Show a user's credits; a user who never bought has none."""
        call = Call(method="GET", path=f"/api/v1/users/{in_path(user)}/wallet")
        return self._transport.model(call, models.Wallet)

    def wallet_entries(
        self, user: str, *, limit: int | Omitted = OMITTED, cursor: int | Omitted = OMITTED
    ) -> Page[models.WalletEntry]:
        """List every movement of a wallet with the balance before and after, newest first."""
        call = Call(
            method="GET", path=f"/api/v1/users/{in_path(user)}/wallet/entries", query=given(limit=limit, cursor=cursor)
        )
        return self._transport.page(call, models.WalletEntry)

    def cards(self, user: str, *, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED) -> Page[models.Card]:
        """List a user's cards, newest first, each with its serial."""
        call = Call(method="GET", path=f"/api/v1/users/{in_path(user)}/cards", query=given(limit=limit, cursor=cursor))
        return self._transport.page(call, models.Card)

    def use_card(self, user: str, card: str, *, idempotency_key: str | None = None) -> models.Card:
        """Mark a card as used, once; one that is suspended or revoked cannot be."""
        call = Call(
            method="POST",
            path=f"/api/v1/users/{in_path(user)}/cards/{in_path(card)}/use",
            body=given(),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Card)

    def spend(self, user: str, *, amount: int, reason: str, idempotency_key: str | None = None) -> models.Spending:
        """Spend a user's credits; never more than there are."""
        call = Call(
            method="POST",
            path=f"/api/v1/users/{in_path(user)}/wallet/spend",
            body=given(amount=amount, reason=reason),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Spending)

    def grant(
        self,
        user: str,
        *,
        amount: int,
        reason: str,
        kind: Literal["bonus", "adjustment"] | Omitted = OMITTED,
        expires_at: datetime | Omitted | None = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.Adjustment:
        """Give a user credits that nobody paid for; what the user owes is repaid first."""
        call = Call(
            method="POST",
            path=f"/api/v1/users/{in_path(user)}/wallet/grant",
            body=given(amount=amount, reason=reason, kind=kind, expires_at=expires_at),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Adjustment)

    def take(self, user: str, *, amount: int, reason: str, idempotency_key: str | None = None) -> models.Adjustment:
        """Take credits away from a user, those that nobody paid for first; never more than there are."""
        call = Call(
            method="POST",
            path=f"/api/v1/users/{in_path(user)}/wallet/take",
            body=given(amount=amount, reason=reason),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Adjustment)

    def write_off(
        self, user: str, *, reason: str, amount: int | Omitted | None = OMITTED, idempotency_key: str | None = None
    ) -> models.Adjustment:
        """Forgive what a user owes."""
        call = Call(
            method="POST",
            path=f"/api/v1/users/{in_path(user)}/wallet/write_off",
            body=given(reason=reason, amount=amount),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Adjustment)


class Admin:
    """What is offered, and whether new payments are taken."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def add_package(
        self,
        *,
        kind: str,
        title: str,
        quantity: int,
        prices: dict[str, Any],
        id: str,
        tax_bps: dict[str, Any] | Omitted = OMITTED,
        active: bool | Omitted = OMITTED,
    ) -> models.Package:
        """Put a new package up for sale."""
        call = Call(
            method="POST",
            path="/api/v1/packages",
            body=given(kind=kind, title=title, quantity=quantity, prices=prices, tax_bps=tax_bps, active=active, id=id),
        )
        return self._transport.model(call, models.Package)

    def change_package(
        self,
        package: str,
        *,
        kind: str,
        title: str,
        quantity: int,
        prices: dict[str, Any],
        tax_bps: dict[str, Any] | Omitted = OMITTED,
        active: bool | Omitted = OMITTED,
    ) -> models.Package:
        """Change a package as a whole; `active: false` takes it off the shelf."""
        call = Call(
            method="PUT",
            path=f"/api/v1/packages/{in_path(package)}",
            body=given(kind=kind, title=title, quantity=quantity, prices=prices, tax_bps=tax_bps, active=active),
        )
        return self._transport.model(call, models.Package)

    def package_history(
        self, package: str, *, limit: int | Omitted = OMITTED, cursor: int | Omitted = OMITTED
    ) -> Page[models.PackageRevision]:
        """List what a package was and cost, who changed it and when, newest first."""
        call = Call(
            method="GET", path=f"/api/v1/packages/{in_path(package)}/history", query=given(limit=limit, cursor=cursor)
        )
        return self._transport.page(call, models.PackageRevision)

    def maintenance(self) -> models.MaintenanceShape:
        """Tell whether new payments are kept waiting, and why."""
        call = Call(method="GET", path="/api/v1/admin/maintenance")
        return self._transport.model(call, models.MaintenanceShape)

    def set_maintenance(self, *, active: bool, reason: str | Omitted | None = OMITTED) -> models.MaintenanceShape:
        """Keep new payments waiting, or take them again; webhooks, refunds and everything else go on."""
        call = Call(method="PUT", path="/api/v1/admin/maintenance", body=given(active=active, reason=reason))
        return self._transport.model(call, models.MaintenanceShape)


class Inbox:
    """The webhooks of the gateways that came."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(
        self,
        *,
        status: Literal["received", "processed", "parked", "ignored", "quarantined", "dead"] | Omitted = OMITTED,
        payment: str | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> Page[models.InboxMessage]:
        """List webhooks, newest first, with how often each arrived and what became of it."""
        call = Call(
            method="GET", path="/api/v1/inbox", query=given(status=status, payment=payment, limit=limit, cursor=cursor)
        )
        return self._transport.page(call, models.InboxMessage)

    def show(self, message: str) -> models.InboxMessage:
        """Show a webhook that came, and what became of it."""
        call = Call(method="GET", path=f"/api/v1/inbox/{in_path(message)}")
        return self._transport.model(call, models.InboxMessage)

    def replay_many(
        self,
        *,
        statuses: list[Literal["processed", "parked", "ignored", "quarantined", "dead"]] | Omitted = OMITTED,
        gateway: str | Omitted | None = OMITTED,
        type: str | Omitted | None = OMITTED,
        since: datetime | Omitted | None = OMITTED,
        until: datetime | Omitted | None = OMITTED,
    ) -> models.Replayed:
        """Work again on every webhook that fits; effects that they had already are not repeated."""
        call = Call(
            method="POST",
            path="/api/v1/inbox/replay",
            body=given(statuses=statuses, gateway=gateway, type=type, since=since, until=until),
        )
        return self._transport.model(call, models.Replayed)

    def replay(self, message: str) -> models.InboxVerdict:
        """Work on one webhook again; an effect that it had already is not repeated."""
        call = Call(method="POST", path=f"/api/v1/inbox/{in_path(message)}/replay")
        return self._transport.model(call, models.InboxVerdict)

    def ignore(self, message: str, *, reason: str) -> models.InboxVerdict:
        """Set one webhook aside for good, saying why."""
        call = Call(method="POST", path=f"/api/v1/inbox/{in_path(message)}/ignore", body=given(reason=reason))
        return self._transport.model(call, models.InboxVerdict)


class Ledger:
    """The books: double entry, sealed, and proved."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def trial_balance(
        self, *, as_of: datetime | Omitted = OMITTED, recorded_before: datetime | Omitted = OMITTED
    ) -> models.TrialBalance:
        """Show every account's balance now or as of a moment, and the proof that they balance."""
        call = Call(
            method="GET", path="/api/v1/ledger/trial_balance", query=given(as_of=as_of, recorded_before=recorded_before)
        )
        return self._transport.model(call, models.TrialBalance)

    def accounts(
        self, *, prefix: str | Omitted = OMITTED, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED
    ) -> Page[models.Account]:
        """List accounts and what they stand at, by their codes."""
        call = Call(
            method="GET", path="/api/v1/ledger/accounts", query=given(prefix=prefix, limit=limit, cursor=cursor)
        )
        return self._transport.page(call, models.Account)

    def journals(
        self, *, payment: str | Omitted = OMITTED, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED
    ) -> Page[models.Journal]:
        """List journals with their postings, the newest first; only those of one payment when it is named."""
        call = Call(
            method="GET", path="/api/v1/ledger/journals", query=given(payment=payment, limit=limit, cursor=cursor)
        )
        return self._transport.page(call, models.Journal)

    def statement(
        self,
        account: str,
        *,
        since: datetime | Omitted = OMITTED,
        as_of: datetime | Omitted = OMITTED,
        recorded_before: datetime | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> models.Statement:
        """Show what moved an account and what it stood at after each line.

        Lines stand in the order of their facts. A first page fixes `recorded_before`; the pages after it keep it, so late
            facts change nothing in between. As CSV the whole statement comes at once.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/ledger/statements/{in_path(account)}",
            query=given(since=since, as_of=as_of, recorded_before=recorded_before, limit=limit, cursor=cursor),
        )
        return self._transport.model(call, models.Statement)

    def seals(self, *, limit: int | Omitted = OMITTED, cursor: int | Omitted = OMITTED) -> Page[models.Seal]:
        """List the seals of the books, the newest first: keep one elsewhere to prove later that nothing was rewritten."""
        call = Call(method="GET", path="/api/v1/ledger/seals", query=given(limit=limit, cursor=cursor))
        return self._transport.page(call, models.Seal)

    def checks(self) -> models.Checks:
        """Show the last word on everything that must always be true: looked at every minute, and in full every night."""
        call = Call(method="GET", path="/api/v1/ledger/checks")
        return self._transport.model(call, models.Checks)

    def report(
        self,
        step: models.Step,
        *,
        from_: str | Omitted = OMITTED,
        to: str | Omitted = OMITTED,
        recorded_before: datetime | Omitted = OMITTED,
    ) -> models.Report:
        """Show what came in, went back and was earned, by day or by month; both ends are inclusive, days are in UTC."""
        call = Call(
            method="GET",
            path=f"/api/v1/reports/{in_path(step)}",
            query=given(from_=from_, to=to, recorded_before=recorded_before),
        )
        return self._transport.model(call, models.Report)


class Gateways:
    """How the gateways do, and how they are used."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def status(self) -> models.Gateways:
        """Show how every configured gateway is used and how it does."""
        call = Call(method="GET", path="/api/v1/admin/gateways/status")
        return self._transport.model(call, models.Gateways)

    def configure(
        self,
        gateway: str,
        *,
        priority: int | Omitted = OMITTED,
        fee_percentage_bps: int | Omitted | None = OMITTED,
        fee_fixed: int | Omitted | None = OMITTED,
    ) -> models.Gateways:
        """Change a gateway's place in the order, or the fee to expect of it."""
        call = Call(
            method="PUT",
            path=f"/api/v1/admin/gateways/{in_path(gateway)}/config",
            body=given(priority=priority, fee_percentage_bps=fee_percentage_bps, fee_fixed=fee_fixed),
        )
        return self._transport.model(call, models.Gateways)

    def enable(self, gateway: str) -> models.Gateways:
        """Let new payments go through a gateway."""
        call = Call(method="POST", path=f"/api/v1/admin/gateways/{in_path(gateway)}/enable")
        return self._transport.model(call, models.Gateways)

    def drain(self, gateway: str) -> models.Gateways:
        """Send no new payments to a gateway, and finish those it has."""
        call = Call(method="POST", path=f"/api/v1/admin/gateways/{in_path(gateway)}/drain")
        return self._transport.model(call, models.Gateways)

    def disable(self, gateway: str) -> models.Gateways:
        """Tell a gateway nothing at all until it is enabled again; what it tells us is heard all the same."""
        call = Call(method="POST", path=f"/api/v1/admin/gateways/{in_path(gateway)}/disable")
        return self._transport.model(call, models.Gateways)


class Reconciliation:
    """Gateways' accounts against ours."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find_runs(
        self,
        *,
        gateway: str | Omitted = OMITTED,
        status: Literal["due", "running", "done"] | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> Page[models.ReconciliationRun]:
        """List the days that were compared, or will be, with what each has left open."""
        call = Call(
            method="GET",
            path="/api/v1/reconciliation/runs",
            query=given(gateway=gateway, status=status, limit=limit, cursor=cursor),
        )
        return self._transport.page(call, models.ReconciliationRun)

    def start(self, *, gateway: str, day: date | Omitted | None = OMITTED) -> models.ReconciliationRun:
        """Let the worker compare a day of a gateway, also one that was compared before."""
        call = Call(method="POST", path="/api/v1/reconciliation/runs", body=given(gateway=gateway, day=day))
        return self._transport.model(call, models.ReconciliationRun)

    def find(
        self,
        *,
        status: models.DiscrepancyStatus | Omitted = OMITTED,
        kind: models.Kind | Omitted = OMITTED,
        gateway: str | Omitted = OMITTED,
        day: date | Omitted = OMITTED,
        payment: str | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> Page[models.Discrepancy]:
        """List where a gateway's account and ours differ, the newest first."""
        call = Call(
            method="GET",
            path="/api/v1/reconciliation/discrepancies",
            query=given(
                status=status, kind=kind, gateway=gateway, day=day, payment=payment, limit=limit, cursor=cursor
            ),
        )
        return self._transport.page(call, models.Discrepancy)

    def ages(self) -> models.Ages:
        """Count what is open by gateway, kind and age."""
        call = Call(method="GET", path="/api/v1/reconciliation/ages")
        return self._transport.model(call, models.Ages)

    def show(self, discrepancy: str) -> models.Discrepancy:
        """Show a discrepancy, and what on the other side might be the same."""
        call = Call(method="GET", path=f"/api/v1/reconciliation/discrepancies/{in_path(discrepancy)}")
        return self._transport.model(call, models.Discrepancy)

    def resolve(
        self, discrepancy: str, *, reason: str, action: models.DiscrepancyAction | Omitted = OMITTED
    ) -> models.Discrepancy:
        """Close a discrepancy in the name of whoever asks; a second time is refused, so nothing is posted twice."""
        call = Call(
            method="POST",
            path=f"/api/v1/reconciliation/discrepancies/{in_path(discrepancy)}/resolve",
            body=given(reason=reason, action=action),
        )
        return self._transport.model(call, models.Discrepancy)

    def import_file(self, *, file: bytes, gateway: str) -> models.Imported:
        """Take in the report that a gateway's dashboard offers, or the account of the bank (`gateway=bank`), as CSV.

        A file that is sent again takes up nothing twice. The days that it speaks of are compared anew.
        """
        call = Call(method="POST", path="/api/v1/settlements/import", query=given(gateway=gateway), file=file)
        return self._transport.model(call, models.Imported)


class Events:
    """What you are told, and how that went."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(
        self,
        *,
        type: str | Omitted = OMITTED,
        payment: str | Omitted = OMITTED,
        since: datetime | Omitted = OMITTED,
        order: Literal["asc", "desc"] | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> Page[models.Event]:
        """List events in their one order, newest first unless told otherwise."""
        call = Call(
            method="GET",
            path="/api/v1/events",
            query=given(type=type, payment=payment, since=since, order=order, limit=limit, cursor=cursor),
        )
        return self._transport.page(call, models.Event)

    def show(self, event: str) -> models.Event:
        """Show an event; `type`, `timestamp` and `data` are what an endpoint is sent."""
        call = Call(method="GET", path=f"/api/v1/events/{in_path(event)}")
        return self._transport.model(call, models.Event)

    def deliveries(
        self,
        *,
        endpoint: str | Omitted = OMITTED,
        event: str | Omitted = OMITTED,
        status: models.DeliveryStatus | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> Page[models.DeliverySummary]:
        """List deliveries of events to endpoints, newest first."""
        call = Call(
            method="GET",
            path="/api/v1/deliveries",
            query=given(endpoint=endpoint, event=event, status=status, limit=limit, cursor=cursor),
        )
        return self._transport.page(call, models.DeliverySummary)

    def delivery(self, delivery: str) -> models.Delivery:
        """Show a delivery with every try: its status, how long it took, and the beginning of the answer."""
        call = Call(method="GET", path=f"/api/v1/deliveries/{in_path(delivery)}")
        return self._transport.model(call, models.Delivery)

    def resend(self, delivery: str) -> models.Delivery:
        """Send an event to an endpoint again, under the same id, with the whole schedule of retries before it."""
        call = Call(method="POST", path=f"/api/v1/deliveries/{in_path(delivery)}/resend")
        return self._transport.model(call, models.Delivery)


class WebhookEndpoints:
    """Where you are told."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(self, *, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED) -> Page[models.WebhookEndpoint]:
        """List endpoints, newest first."""
        call = Call(method="GET", path="/api/v1/webhook_endpoints", query=given(limit=limit, cursor=cursor))
        return self._transport.page(call, models.WebhookEndpoint)

    def create(
        self, *, url: str, types: list[str] | Omitted = OMITTED, description: str | Omitted | None = OMITTED
    ) -> models.WebhookEndpointWithSecret:
        """Add an endpoint, which is told of everything from now on; its `secret` is shown here and never again."""
        call = Call(
            method="POST", path="/api/v1/webhook_endpoints", body=given(url=url, types=types, description=description)
        )
        return self._transport.model(call, models.WebhookEndpointWithSecret)

    def show(self, endpoint: str) -> models.WebhookEndpoint:
        """Show an endpoint: how many events wait for it, since when it takes nothing, and why it is off if it is."""
        call = Call(method="GET", path=f"/api/v1/webhook_endpoints/{in_path(endpoint)}")
        return self._transport.model(call, models.WebhookEndpoint)

    def change(
        self,
        endpoint: str,
        *,
        url: str | Omitted = OMITTED,
        types: list[str] | Omitted = OMITTED,
        description: str | Omitted | None = OMITTED,
        enabled: bool | Omitted = OMITTED,
    ) -> models.WebhookEndpoint:
        """Change an endpoint; one that is switched on again is told of what happens from now on."""
        call = Call(
            method="PATCH",
            path=f"/api/v1/webhook_endpoints/{in_path(endpoint)}",
            body=given(url=url, types=types, description=description, enabled=enabled),
        )
        return self._transport.model(call, models.WebhookEndpoint)

    def delete(self, endpoint: str) -> None:
        """Take an endpoint away; what was owed to it is canceled, and its log stays."""
        call = Call(method="DELETE", path=f"/api/v1/webhook_endpoints/{in_path(endpoint)}")
        self._transport.send(call)

    def rotate(self, endpoint: str, *, grace_hours: int | Omitted = OMITTED) -> models.WebhookEndpointWithSecret:
        """Make a new secret, shown here and never again; until the grace is over the old one signs as well.

        While it does, another rotation is refused with 409 `invalid_state`, unless `grace_hours` is 0.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/webhook_endpoints/{in_path(endpoint)}/rotate",
            body=given(grace_hours=grace_hours),
        )
        return self._transport.model(call, models.WebhookEndpointWithSecret)

    def test(self, endpoint: str) -> models.WebhookTest:
        """Send an event of the type `endpoint.test` once, now, and show what came of it."""
        call = Call(method="POST", path=f"/api/v1/webhook_endpoints/{in_path(endpoint)}/test")
        return self._transport.model(call, models.WebhookTest)

    def recover(self, endpoint: str, *, since: datetime) -> models.WebhookRecovery:
        """Send now every event since a moment that the endpoint has not taken; their order is not promised."""
        call = Call(
            method="POST", path=f"/api/v1/webhook_endpoints/{in_path(endpoint)}/recover", body=given(since=since)
        )
        return self._transport.model(call, models.WebhookRecovery)


class Keys:
    """Who may call."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(self, *, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED) -> Page[models.Key]:
        """List keys without their texts, newest first, also those that are over."""
        call = Call(method="GET", path="/api/v1/admin/keys", query=given(limit=limit, cursor=cursor))
        return self._transport.page(call, models.Key)

    def create(
        self,
        *,
        name: str,
        scopes: list[str] | Omitted = OMITTED,
        kind: models.KeyKind | Omitted = OMITTED,
        expires_at: datetime | Omitted | None = OMITTED,
    ) -> models.NewKey:
        """Make a key; its text is in this answer and is never shown again."""
        call = Call(
            method="POST",
            path="/api/v1/admin/keys",
            body=given(name=name, scopes=scopes, kind=kind, expires_at=expires_at),
        )
        return self._transport.model(call, models.NewKey)

    def revoke(self, key: str) -> models.Key:
        """End a key at once: the next call with it gets 401."""
        call = Call(method="POST", path=f"/api/v1/admin/keys/{in_path(key)}/revoke", body=given())
        return self._transport.model(call, models.Key)


class Audit:
    """Who changed what."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(
        self,
        *,
        actor: str | Omitted = OMITTED,
        action: models.AuditAction | Omitted = OMITTED,
        subject: str | Omitted = OMITTED,
        since: datetime | Omitted = OMITTED,
        until: datetime | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: int | Omitted = OMITTED,
    ) -> Page[models.AuditEntry]:
        """List who changed what and why, newest first: keep a `digest` elsewhere to prove that nothing was rewritten."""
        call = Call(
            method="GET",
            path="/api/v1/admin/audit",
            query=given(
                actor=actor, action=action, subject=subject, since=since, until=until, limit=limit, cursor=cursor
            ),
        )
        return self._transport.page(call, models.AuditEntry)


class Risk:
    """Which payments are held or turned away, and why."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def rules(self) -> models.RuleList:
        """List the rules by which payments are scored."""
        call = Call(method="GET", path="/api/v1/admin/risk/rules")
        return self._transport.model(call, models.RuleList)

    def replace_rules(self, *, rules: list[models.RuleBody]) -> models.RuleList:
        """Put these rules in force in the place of all others."""
        call = Call(method="PUT", path="/api/v1/admin/risk/rules", body=given(rules=rules))
        return self._transport.model(call, models.RuleList)

    def try_rule(self, *, rule: models.RuleBody, days: int | Omitted = OMITTED) -> models.Trial:
        """Try a rule on payments of the past before it is switched on; nothing changes."""
        call = Call(method="POST", path="/api/v1/admin/risk/try", body=given(rule=rule, days=days))
        return self._transport.model(call, models.Trial)

    def lists(
        self, *, side: models.Side | Omitted = OMITTED, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED
    ) -> models.Entries:
        """List who is never held up, and who never pays, newest first."""
        call = Call(method="GET", path="/api/v1/admin/risk/lists", query=given(side=side, limit=limit, cursor=cursor))
        return self._transport.model(call, models.Entries)

    def put_entry(
        self,
        *,
        side: models.Side,
        trait: models.Trait,
        value: str,
        note: str,
        expires_at: datetime | Omitted | None = OMITTED,
    ) -> models.Entries:
        """Write somebody on a list; who is there already gets the new note and time. The newest entries are shown."""
        call = Call(
            method="POST",
            path="/api/v1/admin/risk/lists",
            body=given(side=side, trait=trait, value=value, note=note, expires_at=expires_at),
        )
        return self._transport.model(call, models.Entries)

    def remove_entry(self, entry: str) -> None:
        """Take somebody off a list."""
        call = Call(method="DELETE", path=f"/api/v1/admin/risk/lists/{in_path(entry)}")
        self._transport.send(call)

    def approve(
        self, payment: str, *, reason: str | Omitted | None = OMITTED, idempotency_key: str | None = None
    ) -> models.Payment:
        """Take the money of a payment that was held for a person to look at."""
        call = Call(
            method="POST",
            path=f"/api/v1/payments/{in_path(payment)}/approve",
            body=given(reason=reason),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Payment)

    def reject(
        self,
        payment: str,
        *,
        reason: str | Omitted | None = OMITTED,
        block: bool | Omitted = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.Payment:
        """Let the money of a payment go that was held for a person to look at."""
        call = Call(
            method="POST",
            path=f"/api/v1/payments/{in_path(payment)}/reject",
            body=given(reason=reason, block=block),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Payment)


class Users:
    """Forget who somebody was."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def erase(self, user: str, *, reason: str, idempotency_key: str | None = None) -> models.Erasure:
        """Forget who a user is, or a customer by `external_id` or id; books, payments and goods stay, under another name.

        Refused while money may still move. Repeat it under the name of the answer when more has come in.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/users/{in_path(user)}/erase",
            body=given(reason=reason),
            key=idempotency_key or new_key(),
        )
        return self._transport.model(call, models.Erasure)


class AsyncPayments:
    """Open a checkout, and see what became of it."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def find(
        self,
        *,
        user: str | Omitted = OMITTED,
        status: models.PaymentStatus | Omitted = OMITTED,
        gateway: str | Omitted = OMITTED,
        created_after: datetime | Omitted = OMITTED,
        created_before: datetime | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> AsyncPage[models.Payment]:
        """List payments, newest first; an end user's own."""
        call = Call(
            method="GET",
            path="/api/v1/payments",
            query=given(
                user=user,
                status=status,
                gateway=gateway,
                created_after=created_after,
                created_before=created_before,
                limit=limit,
                cursor=cursor,
            ),
        )
        return await self._transport.page(call, models.Payment)

    async def create(
        self,
        *,
        package: str | Omitted | None = OMITTED,
        quantity: int | Omitted | None = OMITTED,
        amount: int | Omitted | None = OMITTED,
        currency: str | Omitted | None = OMITTED,
        user: str | Omitted | None = OMITTED,
        description: str | Omitted | None = OMITTED,
        gateway: str | Omitted = OMITTED,
        checkout: Literal["hosted", "embedded"] | Omitted = OMITTED,
        capture_method: Literal["automatic", "manual"] | Omitted = OMITTED,
        return_url: str | Omitted | None = OMITTED,
        customer: str | Omitted | None = OMITTED,
        metadata: dict[str, str] | Omitted = OMITTED,
        context: models.Context | Omitted = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.Payment:
        """Open a checkout for a package or an amount; an end user buys packages for nobody else."""
        call = Call(
            method="POST",
            path="/api/v1/payments",
            body=given(
                package=package,
                quantity=quantity,
                amount=amount,
                currency=currency,
                user=user,
                description=description,
                gateway=gateway,
                checkout=checkout,
                capture_method=capture_method,
                return_url=return_url,
                customer=customer,
                metadata=metadata,
                context=context,
            ),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Payment)

    async def capture(
        self, payment: str, *, amount: int | Omitted | None = OMITTED, idempotency_key: str | None = None
    ) -> models.Payment:
        """Take authorised money, all of it or a part."""
        call = Call(
            method="POST",
            path=f"/api/v1/payments/{in_path(payment)}/capture",
            body=given(amount=amount),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Payment)

    async def cancel(self, payment: str, *, idempotency_key: str | None = None) -> models.Payment:
        """End a payment that is not captured; an end user one that is not even authorised."""
        call = Call(
            method="POST",
            path=f"/api/v1/payments/{in_path(payment)}/cancel",
            body=given(),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Payment)

    async def confirm(self, payment: str, data: Mapping[str, str]) -> models.Payment:
        """Go on with what the customer approved in a page of yours; safe to repeat."""
        call = Call(method="POST", path=f"/api/v1/payments/{in_path(payment)}/confirm", body=data)
        return await self._transport.model(call, models.Payment)

    async def sync(self, payment: str) -> models.Payment:
        """Ask the gateway what has become of a payment, apply its answer, and show it."""
        call = Call(method="POST", path=f"/api/v1/payments/{in_path(payment)}/sync")
        return await self._transport.model(call, models.Payment)

    async def fulfil(self, payment: str) -> models.Payment:
        """Try now to deliver goods that were paid and put off or given up; safe to repeat, nothing is delivered twice."""
        call = Call(method="POST", path=f"/api/v1/payments/{in_path(payment)}/fulfil")
        return await self._transport.model(call, models.Payment)

    async def annotate(self, payment: str, *, text: str, idempotency_key: str | None = None) -> models.Note:
        """Note something about a payment for your own people: it stands in the timeline, and is never changed."""
        call = Call(
            method="POST",
            path=f"/api/v1/payments/{in_path(payment)}/notes",
            body=given(text=text),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Note)

    async def show(self, payment: str) -> models.Payment:
        """Show a payment."""
        call = Call(method="GET", path=f"/api/v1/payments/{in_path(payment)}")
        return await self._transport.model(call, models.Payment)

    async def timeline(self, payment: str) -> models.Timeline:
        """Show everything that happened to a payment, in order."""
        call = Call(method="GET", path=f"/api/v1/payments/{in_path(payment)}/timeline")
        return await self._transport.model(call, models.Timeline)


class AsyncRefunds:
    """Give money back, and take the goods back with it."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def find(
        self, *, payment: str | Omitted = OMITTED, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED
    ) -> AsyncPage[models.Refund]:
        """List refunds, newest first; an end user's own."""
        call = Call(method="GET", path="/api/v1/refunds", query=given(payment=payment, limit=limit, cursor=cursor))
        return await self._transport.page(call, models.Refund)

    async def create(
        self,
        *,
        payment: str,
        amount: int | Omitted | None = OMITTED,
        reason: str | Omitted | None = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.Refund:
        """Give money back, and take the goods back with it."""
        call = Call(
            method="POST",
            path="/api/v1/refunds",
            body=given(payment=payment, amount=amount, reason=reason),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Refund)

    async def fail(self, refund: str, *, reason: str) -> models.Refund:
        """End a refund of which nobody could find out whether it was made, after a look at the gateway's dashboard.

        The gateway is asked once more. If it has the refund, the refund succeeds; if not, it fails, its goods come back,
            and it can be asked for again.
        """
        call = Call(method="POST", path=f"/api/v1/refunds/{in_path(refund)}/fail", body=given(reason=reason))
        return await self._transport.model(call, models.Refund)

    async def show(self, refund: str) -> models.Refund:
        """Show a refund."""
        call = Call(method="GET", path=f"/api/v1/refunds/{in_path(refund)}")
        return await self._transport.model(call, models.Refund)


class AsyncRefundRequests:
    """Ask for money back, and decide about it by a policy and by people."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def find(
        self,
        *,
        payment: str | Omitted = OMITTED,
        status: Literal["open", "approved", "rejected", "refunded", "failed"] | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> AsyncPage[models.RefundRequest]:
        """List requests, newest first; an end user's own."""
        call = Call(
            method="GET",
            path="/api/v1/refund_requests",
            query=given(payment=payment, status=status, limit=limit, cursor=cursor),
        )
        return await self._transport.page(call, models.RefundRequest)

    async def create(
        self,
        *,
        payment: str,
        reason_code: models.ReasonCode,
        amount: int | Omitted | None = OMITTED,
        note: str | Omitted | None = OMITTED,
        evidence: list[str] | Omitted = OMITTED,
        override_reason: str | Omitted | None = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.RefundRequest:
        """Ask for money back; the policy refunds at once, says how many people must agree, or rejects.

        An end user asks for payments of their own, and is told what was decided, not by whom.
        """
        call = Call(
            method="POST",
            path="/api/v1/refund_requests",
            body=given(
                payment=payment,
                reason_code=reason_code,
                amount=amount,
                note=note,
                evidence=evidence,
                override_reason=override_reason,
            ),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.RefundRequest)

    async def create_many(
        self,
        *,
        reason_code: models.ReasonCode,
        payments: list[str] | Omitted | None = OMITTED,
        filter: models.Filter | Omitted | None = OMITTED,
        note: str | Omitted | None = OMITTED,
        dry_run: bool | Omitted = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.RefundBulk:
        """Ask for the money of up to 100 payments back, with a result for each; repeat it to go on after a failure.

        With `dry_run` nothing is stored, and the key stays unused.
        """
        call = Call(
            method="POST",
            path="/api/v1/refund_requests/bulk",
            body=given(reason_code=reason_code, payments=payments, filter=filter, note=note, dry_run=dry_run),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.RefundBulk)

    async def approve(
        self, refund_request: str, *, note: str | Omitted | None = OMITTED, idempotency_key: str | None = None
    ) -> models.RefundRequest:
        """Agree to a request; with the last agreement that is needed the money goes back."""
        call = Call(
            method="POST",
            path=f"/api/v1/refund_requests/{in_path(refund_request)}/approve",
            body=given(note=note),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.RefundRequest)

    async def reject(
        self, refund_request: str, *, reason: str, idempotency_key: str | None = None
    ) -> models.RefundRequest:
        """Turn a request down, saying why."""
        call = Call(
            method="POST",
            path=f"/api/v1/refund_requests/{in_path(refund_request)}/reject",
            body=given(reason=reason),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.RefundRequest)

    async def show(self, refund_request: str) -> models.RefundRequest:
        """Show a request with its history."""
        call = Call(method="GET", path=f"/api/v1/refund_requests/{in_path(refund_request)}")
        return await self._transport.model(call, models.RefundRequest)

    async def policies(self) -> AsyncPage[models.RefundPolicy]:
        """List the rules that are in force and those before them, the present ones first."""
        call = Call(method="GET", path="/api/v1/refund_policies")
        return await self._transport.page(call, models.RefundPolicy)

    async def set_policy(
        self,
        *,
        auto_approve_units: int | Omitted | None = OMITTED,
        auto_approve_amounts: dict[str, int] | Omitted = OMITTED,
        second_person_units: int | Omitted | None = OMITTED,
        second_person_amounts: dict[str, int] | Omitted = OMITTED,
        window_hours: int | Omitted | None = OMITTED,
        share_min_bps: int | Omitted = OMITTED,
        share_max_bps: int | Omitted = OMITTED,
        used_goods: bool | Omitted = OMITTED,
        direct_refunds: bool | Omitted = OMITTED,
        note: str | Omitted | None = OMITTED,
    ) -> models.RefundPolicy:
        """Put other rules in force for what is asked from now on.

        Rules that raise or end a second person's limit are only proposed (202) until another key puts the same.
        """
        call = Call(
            method="PUT",
            path="/api/v1/refund_policies",
            body=given(
                auto_approve_units=auto_approve_units,
                auto_approve_amounts=auto_approve_amounts,
                second_person_units=second_person_units,
                second_person_amounts=second_person_amounts,
                window_hours=window_hours,
                share_min_bps=share_min_bps,
                share_max_bps=share_max_bps,
                used_goods=used_goods,
                direct_refunds=direct_refunds,
                note=note,
            ),
        )
        return await self._transport.model(call, models.RefundPolicy)


class AsyncCustomers:
    """Who pays."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def find(
        self, *, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED
    ) -> AsyncPage[models.Customer]:
        """List customers, newest first."""
        call = Call(method="GET", path="/api/v1/customers", query=given(limit=limit, cursor=cursor))
        return await self._transport.page(call, models.Customer)

    async def create(
        self,
        *,
        email: str | Omitted | None = OMITTED,
        name: str | Omitted | None = OMITTED,
        external_id: str | Omitted | None = OMITTED,
    ) -> models.Customer:
        """Find or create a customer: the same `external_id`, or else the same `email`, is the same customer."""
        call = Call(
            method="POST", path="/api/v1/customers", body=given(email=email, name=name, external_id=external_id)
        )
        return await self._transport.model(call, models.Customer)

    async def show(self, customer: str) -> models.Customer:
        """Show a customer."""
        call = Call(method="GET", path=f"/api/v1/customers/{in_path(customer)}")
        return await self._transport.model(call, models.Customer)


class AsyncDisputes:
    """Money that a customer's bank takes back."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def evidence(self, dispute: str) -> models.Evidence:
        """Show what our own records have to say to a dispute; nothing is sent."""
        call = Call(method="GET", path=f"/api/v1/disputes/{in_path(dispute)}/evidence")
        return await self._transport.model(call, models.Evidence)

    async def submit_evidence(
        self,
        dispute: str,
        *,
        statement: str | Omitted | None = OMITTED,
        product: str | Omitted | None = OMITTED,
        refund_policy: str | Omitted | None = OMITTED,
        refunds: str | Omitted | None = OMITTED,
        customer_name: str | Omitted | None = OMITTED,
        customer_email: str | Omitted | None = OMITTED,
        customer_ip: str | Omitted | None = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.Dispute:
        """Hand in what speaks for you: our records of the delivery, and your own words. Most gateways take it once."""
        call = Call(
            method="POST",
            path=f"/api/v1/disputes/{in_path(dispute)}/evidence",
            body=given(
                statement=statement,
                product=product,
                refund_policy=refund_policy,
                refunds=refunds,
                customer_name=customer_name,
                customer_email=customer_email,
                customer_ip=customer_ip,
            ),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Dispute)

    async def accept(self, dispute: str, *, idempotency_key: str | None = None) -> models.Dispute:
        """Give a dispute up: the customer keeps the money."""
        call = Call(
            method="POST",
            path=f"/api/v1/disputes/{in_path(dispute)}/accept",
            body=given(),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Dispute)

    async def show(self, dispute: str) -> models.Dispute:
        """Show a dispute."""
        call = Call(method="GET", path=f"/api/v1/disputes/{in_path(dispute)}")
        return await self._transport.model(call, models.Dispute)

    async def find(
        self,
        *,
        payment: str | Omitted = OMITTED,
        status: models.DisputeStatus | Omitted = OMITTED,
        due: Literal["overdue", "soon", "waiting"] | Omitted = OMITTED,
        sort: Literal["opened", "due"] | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> AsyncPage[models.Dispute]:
        """List disputes, newest first, or with `sort=due` by the day on which they must be answered, earliest first."""
        call = Call(
            method="GET",
            path="/api/v1/disputes",
            query=given(payment=payment, status=status, due=due, sort=sort, limit=limit, cursor=cursor),
        )
        return await self._transport.page(call, models.Dispute)


class AsyncGoods:
    """What is for sale, and what users have: credits and cards."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def packages(self) -> AsyncPage[models.Package]:
        """List what is for sale."""
        call = Call(method="GET", path="/api/v1/packages")
        return await self._transport.page(call, models.Package)

    async def wallet(self, user: str) -> models.Wallet:
        """Show a user's credits; a user who never bought has none."""
        call = Call(method="GET", path=f"/api/v1/users/{in_path(user)}/wallet")
        return await self._transport.model(call, models.Wallet)

    async def wallet_entries(
        self, user: str, *, limit: int | Omitted = OMITTED, cursor: int | Omitted = OMITTED
    ) -> AsyncPage[models.WalletEntry]:
        """List every movement of a wallet with the balance before and after, newest first."""
        call = Call(
            method="GET", path=f"/api/v1/users/{in_path(user)}/wallet/entries", query=given(limit=limit, cursor=cursor)
        )
        return await self._transport.page(call, models.WalletEntry)

    async def cards(
        self, user: str, *, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED
    ) -> AsyncPage[models.Card]:
        """List a user's cards, newest first, each with its serial."""
        call = Call(method="GET", path=f"/api/v1/users/{in_path(user)}/cards", query=given(limit=limit, cursor=cursor))
        return await self._transport.page(call, models.Card)

    async def use_card(self, user: str, card: str, *, idempotency_key: str | None = None) -> models.Card:
        """Mark a card as used, once; one that is suspended or revoked cannot be."""
        call = Call(
            method="POST",
            path=f"/api/v1/users/{in_path(user)}/cards/{in_path(card)}/use",
            body=given(),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Card)

    async def spend(
        self, user: str, *, amount: int, reason: str, idempotency_key: str | None = None
    ) -> models.Spending:
        """Spend a user's credits; never more than there are."""
        call = Call(
            method="POST",
            path=f"/api/v1/users/{in_path(user)}/wallet/spend",
            body=given(amount=amount, reason=reason),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Spending)

    async def grant(
        self,
        user: str,
        *,
        amount: int,
        reason: str,
        kind: Literal["bonus", "adjustment"] | Omitted = OMITTED,
        expires_at: datetime | Omitted | None = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.Adjustment:
        """Give a user credits that nobody paid for; what the user owes is repaid first."""
        call = Call(
            method="POST",
            path=f"/api/v1/users/{in_path(user)}/wallet/grant",
            body=given(amount=amount, reason=reason, kind=kind, expires_at=expires_at),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Adjustment)

    async def take(
        self, user: str, *, amount: int, reason: str, idempotency_key: str | None = None
    ) -> models.Adjustment:
        """Take credits away from a user, those that nobody paid for first; never more than there are."""
        call = Call(
            method="POST",
            path=f"/api/v1/users/{in_path(user)}/wallet/take",
            body=given(amount=amount, reason=reason),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Adjustment)

    async def write_off(
        self, user: str, *, reason: str, amount: int | Omitted | None = OMITTED, idempotency_key: str | None = None
    ) -> models.Adjustment:
        """Forgive what a user owes."""
        call = Call(
            method="POST",
            path=f"/api/v1/users/{in_path(user)}/wallet/write_off",
            body=given(reason=reason, amount=amount),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Adjustment)


class AsyncAdmin:
    """What is offered, and whether new payments are taken."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def add_package(
        self,
        *,
        kind: str,
        title: str,
        quantity: int,
        prices: dict[str, Any],
        id: str,
        tax_bps: dict[str, Any] | Omitted = OMITTED,
        active: bool | Omitted = OMITTED,
    ) -> models.Package:
        """Put a new package up for sale."""
        call = Call(
            method="POST",
            path="/api/v1/packages",
            body=given(kind=kind, title=title, quantity=quantity, prices=prices, tax_bps=tax_bps, active=active, id=id),
        )
        return await self._transport.model(call, models.Package)

    async def change_package(
        self,
        package: str,
        *,
        kind: str,
        title: str,
        quantity: int,
        prices: dict[str, Any],
        tax_bps: dict[str, Any] | Omitted = OMITTED,
        active: bool | Omitted = OMITTED,
    ) -> models.Package:
        """Change a package as a whole; `active: false` takes it off the shelf."""
        call = Call(
            method="PUT",
            path=f"/api/v1/packages/{in_path(package)}",
            body=given(kind=kind, title=title, quantity=quantity, prices=prices, tax_bps=tax_bps, active=active),
        )
        return await self._transport.model(call, models.Package)

    async def package_history(
        self, package: str, *, limit: int | Omitted = OMITTED, cursor: int | Omitted = OMITTED
    ) -> AsyncPage[models.PackageRevision]:
        """List what a package was and cost, who changed it and when, newest first."""
        call = Call(
            method="GET", path=f"/api/v1/packages/{in_path(package)}/history", query=given(limit=limit, cursor=cursor)
        )
        return await self._transport.page(call, models.PackageRevision)

    async def maintenance(self) -> models.MaintenanceShape:
        """Tell whether new payments are kept waiting, and why."""
        call = Call(method="GET", path="/api/v1/admin/maintenance")
        return await self._transport.model(call, models.MaintenanceShape)

    async def set_maintenance(self, *, active: bool, reason: str | Omitted | None = OMITTED) -> models.MaintenanceShape:
        """Keep new payments waiting, or take them again; webhooks, refunds and everything else go on."""
        call = Call(method="PUT", path="/api/v1/admin/maintenance", body=given(active=active, reason=reason))
        return await self._transport.model(call, models.MaintenanceShape)


class AsyncInbox:
    """The webhooks of the gateways that came."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def find(
        self,
        *,
        status: Literal["received", "processed", "parked", "ignored", "quarantined", "dead"] | Omitted = OMITTED,
        payment: str | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> AsyncPage[models.InboxMessage]:
        """List webhooks, newest first, with how often each arrived and what became of it."""
        call = Call(
            method="GET", path="/api/v1/inbox", query=given(status=status, payment=payment, limit=limit, cursor=cursor)
        )
        return await self._transport.page(call, models.InboxMessage)

    async def show(self, message: str) -> models.InboxMessage:
        """Show a webhook that came, and what became of it."""
        call = Call(method="GET", path=f"/api/v1/inbox/{in_path(message)}")
        return await self._transport.model(call, models.InboxMessage)

    async def replay_many(
        self,
        *,
        statuses: list[Literal["processed", "parked", "ignored", "quarantined", "dead"]] | Omitted = OMITTED,
        gateway: str | Omitted | None = OMITTED,
        type: str | Omitted | None = OMITTED,
        since: datetime | Omitted | None = OMITTED,
        until: datetime | Omitted | None = OMITTED,
    ) -> models.Replayed:
        """Work again on every webhook that fits; effects that they had already are not repeated."""
        call = Call(
            method="POST",
            path="/api/v1/inbox/replay",
            body=given(statuses=statuses, gateway=gateway, type=type, since=since, until=until),
        )
        return await self._transport.model(call, models.Replayed)

    async def replay(self, message: str) -> models.InboxVerdict:
        """Work on one webhook again; an effect that it had already is not repeated."""
        call = Call(method="POST", path=f"/api/v1/inbox/{in_path(message)}/replay")
        return await self._transport.model(call, models.InboxVerdict)

    async def ignore(self, message: str, *, reason: str) -> models.InboxVerdict:
        """Set one webhook aside for good, saying why."""
        call = Call(method="POST", path=f"/api/v1/inbox/{in_path(message)}/ignore", body=given(reason=reason))
        return await self._transport.model(call, models.InboxVerdict)


class AsyncLedger:
    """The books: double entry, sealed, and proved."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def trial_balance(
        self, *, as_of: datetime | Omitted = OMITTED, recorded_before: datetime | Omitted = OMITTED
    ) -> models.TrialBalance:
        """Show every account's balance now or as of a moment, and the proof that they balance."""
        call = Call(
            method="GET", path="/api/v1/ledger/trial_balance", query=given(as_of=as_of, recorded_before=recorded_before)
        )
        return await self._transport.model(call, models.TrialBalance)

    async def accounts(
        self, *, prefix: str | Omitted = OMITTED, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED
    ) -> AsyncPage[models.Account]:
        """List accounts and what they stand at, by their codes."""
        call = Call(
            method="GET", path="/api/v1/ledger/accounts", query=given(prefix=prefix, limit=limit, cursor=cursor)
        )
        return await self._transport.page(call, models.Account)

    async def journals(
        self, *, payment: str | Omitted = OMITTED, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED
    ) -> AsyncPage[models.Journal]:
        """List journals with their postings, the newest first; only those of one payment when it is named."""
        call = Call(
            method="GET", path="/api/v1/ledger/journals", query=given(payment=payment, limit=limit, cursor=cursor)
        )
        return await self._transport.page(call, models.Journal)

    async def statement(
        self,
        account: str,
        *,
        since: datetime | Omitted = OMITTED,
        as_of: datetime | Omitted = OMITTED,
        recorded_before: datetime | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> models.Statement:
        """Show what moved an account and what it stood at after each line.

        Lines stand in the order of their facts. A first page fixes `recorded_before`; the pages after it keep it, so late
            facts change nothing in between. As CSV the whole statement comes at once.
        """
        call = Call(
            method="GET",
            path=f"/api/v1/ledger/statements/{in_path(account)}",
            query=given(since=since, as_of=as_of, recorded_before=recorded_before, limit=limit, cursor=cursor),
        )
        return await self._transport.model(call, models.Statement)

    async def seals(self, *, limit: int | Omitted = OMITTED, cursor: int | Omitted = OMITTED) -> AsyncPage[models.Seal]:
        """List the seals of the books, the newest first: keep one elsewhere to prove later that nothing was rewritten."""
        call = Call(method="GET", path="/api/v1/ledger/seals", query=given(limit=limit, cursor=cursor))
        return await self._transport.page(call, models.Seal)

    async def checks(self) -> models.Checks:
        """Show the last word on everything that must always be true: looked at every minute, and in full every night."""
        call = Call(method="GET", path="/api/v1/ledger/checks")
        return await self._transport.model(call, models.Checks)

    async def report(
        self,
        step: models.Step,
        *,
        from_: str | Omitted = OMITTED,
        to: str | Omitted = OMITTED,
        recorded_before: datetime | Omitted = OMITTED,
    ) -> models.Report:
        """Show what came in, went back and was earned, by day or by month; both ends are inclusive, days are in UTC."""
        call = Call(
            method="GET",
            path=f"/api/v1/reports/{in_path(step)}",
            query=given(from_=from_, to=to, recorded_before=recorded_before),
        )
        return await self._transport.model(call, models.Report)


class AsyncGateways:
    """How the gateways do, and how they are used."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def status(self) -> models.Gateways:
        """Show how every configured gateway is used and how it does."""
        call = Call(method="GET", path="/api/v1/admin/gateways/status")
        return await self._transport.model(call, models.Gateways)

    async def configure(
        self,
        gateway: str,
        *,
        priority: int | Omitted = OMITTED,
        fee_percentage_bps: int | Omitted | None = OMITTED,
        fee_fixed: int | Omitted | None = OMITTED,
    ) -> models.Gateways:
        """Change a gateway's place in the order, or the fee to expect of it."""
        call = Call(
            method="PUT",
            path=f"/api/v1/admin/gateways/{in_path(gateway)}/config",
            body=given(priority=priority, fee_percentage_bps=fee_percentage_bps, fee_fixed=fee_fixed),
        )
        return await self._transport.model(call, models.Gateways)

    async def enable(self, gateway: str) -> models.Gateways:
        """Let new payments go through a gateway."""
        call = Call(method="POST", path=f"/api/v1/admin/gateways/{in_path(gateway)}/enable")
        return await self._transport.model(call, models.Gateways)

    async def drain(self, gateway: str) -> models.Gateways:
        """Send no new payments to a gateway, and finish those it has."""
        call = Call(method="POST", path=f"/api/v1/admin/gateways/{in_path(gateway)}/drain")
        return await self._transport.model(call, models.Gateways)

    async def disable(self, gateway: str) -> models.Gateways:
        """Tell a gateway nothing at all until it is enabled again; what it tells us is heard all the same."""
        call = Call(method="POST", path=f"/api/v1/admin/gateways/{in_path(gateway)}/disable")
        return await self._transport.model(call, models.Gateways)


class AsyncReconciliation:
    """Gateways' accounts against ours."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def find_runs(
        self,
        *,
        gateway: str | Omitted = OMITTED,
        status: Literal["due", "running", "done"] | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> AsyncPage[models.ReconciliationRun]:
        """List the days that were compared, or will be, with what each has left open."""
        call = Call(
            method="GET",
            path="/api/v1/reconciliation/runs",
            query=given(gateway=gateway, status=status, limit=limit, cursor=cursor),
        )
        return await self._transport.page(call, models.ReconciliationRun)

    async def start(self, *, gateway: str, day: date | Omitted | None = OMITTED) -> models.ReconciliationRun:
        """Let the worker compare a day of a gateway, also one that was compared before."""
        call = Call(method="POST", path="/api/v1/reconciliation/runs", body=given(gateway=gateway, day=day))
        return await self._transport.model(call, models.ReconciliationRun)

    async def find(
        self,
        *,
        status: models.DiscrepancyStatus | Omitted = OMITTED,
        kind: models.Kind | Omitted = OMITTED,
        gateway: str | Omitted = OMITTED,
        day: date | Omitted = OMITTED,
        payment: str | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> AsyncPage[models.Discrepancy]:
        """List where a gateway's account and ours differ, the newest first."""
        call = Call(
            method="GET",
            path="/api/v1/reconciliation/discrepancies",
            query=given(
                status=status, kind=kind, gateway=gateway, day=day, payment=payment, limit=limit, cursor=cursor
            ),
        )
        return await self._transport.page(call, models.Discrepancy)

    async def ages(self) -> models.Ages:
        """Count what is open by gateway, kind and age."""
        call = Call(method="GET", path="/api/v1/reconciliation/ages")
        return await self._transport.model(call, models.Ages)

    async def show(self, discrepancy: str) -> models.Discrepancy:
        """Show a discrepancy, and what on the other side might be the same."""
        call = Call(method="GET", path=f"/api/v1/reconciliation/discrepancies/{in_path(discrepancy)}")
        return await self._transport.model(call, models.Discrepancy)

    async def resolve(
        self, discrepancy: str, *, reason: str, action: models.DiscrepancyAction | Omitted = OMITTED
    ) -> models.Discrepancy:
        """Close a discrepancy in the name of whoever asks; a second time is refused, so nothing is posted twice."""
        call = Call(
            method="POST",
            path=f"/api/v1/reconciliation/discrepancies/{in_path(discrepancy)}/resolve",
            body=given(reason=reason, action=action),
        )
        return await self._transport.model(call, models.Discrepancy)

    async def import_file(self, *, file: bytes, gateway: str) -> models.Imported:
        """Take in the report that a gateway's dashboard offers, or the account of the bank (`gateway=bank`), as CSV.

        A file that is sent again takes up nothing twice. The days that it speaks of are compared anew.
        """
        call = Call(method="POST", path="/api/v1/settlements/import", query=given(gateway=gateway), file=file)
        return await self._transport.model(call, models.Imported)


class AsyncEvents:
    """What you are told, and how that went."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def find(
        self,
        *,
        type: str | Omitted = OMITTED,
        payment: str | Omitted = OMITTED,
        since: datetime | Omitted = OMITTED,
        order: Literal["asc", "desc"] | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> AsyncPage[models.Event]:
        """List events in their one order, newest first unless told otherwise."""
        call = Call(
            method="GET",
            path="/api/v1/events",
            query=given(type=type, payment=payment, since=since, order=order, limit=limit, cursor=cursor),
        )
        return await self._transport.page(call, models.Event)

    async def show(self, event: str) -> models.Event:
        """Show an event; `type`, `timestamp` and `data` are what an endpoint is sent."""
        call = Call(method="GET", path=f"/api/v1/events/{in_path(event)}")
        return await self._transport.model(call, models.Event)

    async def deliveries(
        self,
        *,
        endpoint: str | Omitted = OMITTED,
        event: str | Omitted = OMITTED,
        status: models.DeliveryStatus | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: str | Omitted = OMITTED,
    ) -> AsyncPage[models.DeliverySummary]:
        """List deliveries of events to endpoints, newest first."""
        call = Call(
            method="GET",
            path="/api/v1/deliveries",
            query=given(endpoint=endpoint, event=event, status=status, limit=limit, cursor=cursor),
        )
        return await self._transport.page(call, models.DeliverySummary)

    async def delivery(self, delivery: str) -> models.Delivery:
        """Show a delivery with every try: its status, how long it took, and the beginning of the answer."""
        call = Call(method="GET", path=f"/api/v1/deliveries/{in_path(delivery)}")
        return await self._transport.model(call, models.Delivery)

    async def resend(self, delivery: str) -> models.Delivery:
        """Send an event to an endpoint again, under the same id, with the whole schedule of retries before it."""
        call = Call(method="POST", path=f"/api/v1/deliveries/{in_path(delivery)}/resend")
        return await self._transport.model(call, models.Delivery)


class AsyncWebhookEndpoints:
    """Where you are told."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def find(
        self, *, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED
    ) -> AsyncPage[models.WebhookEndpoint]:
        """List endpoints, newest first."""
        call = Call(method="GET", path="/api/v1/webhook_endpoints", query=given(limit=limit, cursor=cursor))
        return await self._transport.page(call, models.WebhookEndpoint)

    async def create(
        self, *, url: str, types: list[str] | Omitted = OMITTED, description: str | Omitted | None = OMITTED
    ) -> models.WebhookEndpointWithSecret:
        """Add an endpoint, which is told of everything from now on; its `secret` is shown here and never again."""
        call = Call(
            method="POST", path="/api/v1/webhook_endpoints", body=given(url=url, types=types, description=description)
        )
        return await self._transport.model(call, models.WebhookEndpointWithSecret)

    async def show(self, endpoint: str) -> models.WebhookEndpoint:
        """Show an endpoint: how many events wait for it, since when it takes nothing, and why it is off if it is."""
        call = Call(method="GET", path=f"/api/v1/webhook_endpoints/{in_path(endpoint)}")
        return await self._transport.model(call, models.WebhookEndpoint)

    async def change(
        self,
        endpoint: str,
        *,
        url: str | Omitted = OMITTED,
        types: list[str] | Omitted = OMITTED,
        description: str | Omitted | None = OMITTED,
        enabled: bool | Omitted = OMITTED,
    ) -> models.WebhookEndpoint:
        """Change an endpoint; one that is switched on again is told of what happens from now on."""
        call = Call(
            method="PATCH",
            path=f"/api/v1/webhook_endpoints/{in_path(endpoint)}",
            body=given(url=url, types=types, description=description, enabled=enabled),
        )
        return await self._transport.model(call, models.WebhookEndpoint)

    async def delete(self, endpoint: str) -> None:
        """Take an endpoint away; what was owed to it is canceled, and its log stays."""
        call = Call(method="DELETE", path=f"/api/v1/webhook_endpoints/{in_path(endpoint)}")
        await self._transport.send(call)

    async def rotate(self, endpoint: str, *, grace_hours: int | Omitted = OMITTED) -> models.WebhookEndpointWithSecret:
        """Make a new secret, shown here and never again; until the grace is over the old one signs as well.

        While it does, another rotation is refused with 409 `invalid_state`, unless `grace_hours` is 0.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/webhook_endpoints/{in_path(endpoint)}/rotate",
            body=given(grace_hours=grace_hours),
        )
        return await self._transport.model(call, models.WebhookEndpointWithSecret)

    async def test(self, endpoint: str) -> models.WebhookTest:
        """Send an event of the type `endpoint.test` once, now, and show what came of it."""
        call = Call(method="POST", path=f"/api/v1/webhook_endpoints/{in_path(endpoint)}/test")
        return await self._transport.model(call, models.WebhookTest)

    async def recover(self, endpoint: str, *, since: datetime) -> models.WebhookRecovery:
        """Send now every event since a moment that the endpoint has not taken; their order is not promised."""
        call = Call(
            method="POST", path=f"/api/v1/webhook_endpoints/{in_path(endpoint)}/recover", body=given(since=since)
        )
        return await self._transport.model(call, models.WebhookRecovery)


class AsyncKeys:
    """Who may call."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def find(self, *, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED) -> AsyncPage[models.Key]:
        """List keys without their texts, newest first, also those that are over."""
        call = Call(method="GET", path="/api/v1/admin/keys", query=given(limit=limit, cursor=cursor))
        return await self._transport.page(call, models.Key)

    async def create(
        self,
        *,
        name: str,
        scopes: list[str] | Omitted = OMITTED,
        kind: models.KeyKind | Omitted = OMITTED,
        expires_at: datetime | Omitted | None = OMITTED,
    ) -> models.NewKey:
        """Make a key; its text is in this answer and is never shown again."""
        call = Call(
            method="POST",
            path="/api/v1/admin/keys",
            body=given(name=name, scopes=scopes, kind=kind, expires_at=expires_at),
        )
        return await self._transport.model(call, models.NewKey)

    async def revoke(self, key: str) -> models.Key:
        """End a key at once: the next call with it gets 401."""
        call = Call(method="POST", path=f"/api/v1/admin/keys/{in_path(key)}/revoke", body=given())
        return await self._transport.model(call, models.Key)


class AsyncAudit:
    """Who changed what."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def find(
        self,
        *,
        actor: str | Omitted = OMITTED,
        action: models.AuditAction | Omitted = OMITTED,
        subject: str | Omitted = OMITTED,
        since: datetime | Omitted = OMITTED,
        until: datetime | Omitted = OMITTED,
        limit: int | Omitted = OMITTED,
        cursor: int | Omitted = OMITTED,
    ) -> AsyncPage[models.AuditEntry]:
        """List who changed what and why, newest first: keep a `digest` elsewhere to prove that nothing was rewritten."""
        call = Call(
            method="GET",
            path="/api/v1/admin/audit",
            query=given(
                actor=actor, action=action, subject=subject, since=since, until=until, limit=limit, cursor=cursor
            ),
        )
        return await self._transport.page(call, models.AuditEntry)


class AsyncRisk:
    """Which payments are held or turned away, and why."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def rules(self) -> models.RuleList:
        """List the rules by which payments are scored."""
        call = Call(method="GET", path="/api/v1/admin/risk/rules")
        return await self._transport.model(call, models.RuleList)

    async def replace_rules(self, *, rules: list[models.RuleBody]) -> models.RuleList:
        """Put these rules in force in the place of all others."""
        call = Call(method="PUT", path="/api/v1/admin/risk/rules", body=given(rules=rules))
        return await self._transport.model(call, models.RuleList)

    async def try_rule(self, *, rule: models.RuleBody, days: int | Omitted = OMITTED) -> models.Trial:
        """Try a rule on payments of the past before it is switched on; nothing changes."""
        call = Call(method="POST", path="/api/v1/admin/risk/try", body=given(rule=rule, days=days))
        return await self._transport.model(call, models.Trial)

    async def lists(
        self, *, side: models.Side | Omitted = OMITTED, limit: int | Omitted = OMITTED, cursor: str | Omitted = OMITTED
    ) -> models.Entries:
        """List who is never held up, and who never pays, newest first."""
        call = Call(method="GET", path="/api/v1/admin/risk/lists", query=given(side=side, limit=limit, cursor=cursor))
        return await self._transport.model(call, models.Entries)

    async def put_entry(
        self,
        *,
        side: models.Side,
        trait: models.Trait,
        value: str,
        note: str,
        expires_at: datetime | Omitted | None = OMITTED,
    ) -> models.Entries:
        """Write somebody on a list; who is there already gets the new note and time. The newest entries are shown."""
        call = Call(
            method="POST",
            path="/api/v1/admin/risk/lists",
            body=given(side=side, trait=trait, value=value, note=note, expires_at=expires_at),
        )
        return await self._transport.model(call, models.Entries)

    async def remove_entry(self, entry: str) -> None:
        """Take somebody off a list."""
        call = Call(method="DELETE", path=f"/api/v1/admin/risk/lists/{in_path(entry)}")
        await self._transport.send(call)

    async def approve(
        self, payment: str, *, reason: str | Omitted | None = OMITTED, idempotency_key: str | None = None
    ) -> models.Payment:
        """Take the money of a payment that was held for a person to look at."""
        call = Call(
            method="POST",
            path=f"/api/v1/payments/{in_path(payment)}/approve",
            body=given(reason=reason),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Payment)

    async def reject(
        self,
        payment: str,
        *,
        reason: str | Omitted | None = OMITTED,
        block: bool | Omitted = OMITTED,
        idempotency_key: str | None = None,
    ) -> models.Payment:
        """Let the money of a payment go that was held for a person to look at."""
        call = Call(
            method="POST",
            path=f"/api/v1/payments/{in_path(payment)}/reject",
            body=given(reason=reason, block=block),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Payment)


class AsyncUsers:
    """Forget who somebody was."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def erase(self, user: str, *, reason: str, idempotency_key: str | None = None) -> models.Erasure:
        """Forget who a user is, or a customer by `external_id` or id; books, payments and goods stay, under another name.

        Refused while money may still move. Repeat it under the name of the answer when more has come in.
        """
        call = Call(
            method="POST",
            path=f"/api/v1/users/{in_path(user)}/erase",
            body=given(reason=reason),
            key=idempotency_key or new_key(),
        )
        return await self._transport.model(call, models.Erasure)


class Operations:
    """Hold every chapter of the API."""

    def __init__(self, transport: Transport) -> None:
        self.payments = Payments(transport)
        self.refunds = Refunds(transport)
        self.refund_requests = RefundRequests(transport)
        self.customers = Customers(transport)
        self.disputes = Disputes(transport)
        self.goods = Goods(transport)
        self.admin = Admin(transport)
        self.inbox = Inbox(transport)
        self.ledger = Ledger(transport)
        self.gateways = Gateways(transport)
        self.reconciliation = Reconciliation(transport)
        self.events = Events(transport)
        self.webhook_endpoints = WebhookEndpoints(transport)
        self.keys = Keys(transport)
        self.audit = Audit(transport)
        self.risk = Risk(transport)
        self.users = Users(transport)


class AsyncOperations:
    """Hold every chapter of the API."""

    def __init__(self, transport: AsyncTransport) -> None:
        self.payments = AsyncPayments(transport)
        self.refunds = AsyncRefunds(transport)
        self.refund_requests = AsyncRefundRequests(transport)
        self.customers = AsyncCustomers(transport)
        self.disputes = AsyncDisputes(transport)
        self.goods = AsyncGoods(transport)
        self.admin = AsyncAdmin(transport)
        self.inbox = AsyncInbox(transport)
        self.ledger = AsyncLedger(transport)
        self.gateways = AsyncGateways(transport)
        self.reconciliation = AsyncReconciliation(transport)
        self.events = AsyncEvents(transport)
        self.webhook_endpoints = AsyncWebhookEndpoints(transport)
        self.keys = AsyncKeys(transport)
        self.audit = AsyncAudit(transport)
        self.risk = AsyncRisk(transport)
        self.users = AsyncUsers(transport)
