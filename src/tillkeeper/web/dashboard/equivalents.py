"""What a program asks, and what a person types into a shell, for the same that a page shows: the one table of it."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.routing import compile_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """Hold a page (what comes after /admin) with its request and its commands.

    What stands in braces is filled in from the address of the page. `filters` are those of a list that API and commands
    know by the same name; they come along with the first of the commands.
    """

    page: str
    api: str | None = None
    cli: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """Hold the request and the commands for one page at one address."""

    api: str | None
    cli: tuple[str, ...]


TABLE = (
    Equivalent(page="/payments", api="/payments?limit=5", cli=("payments ls",), filters=("user", "status", "gateway")),
    Equivalent(
        page="/payments/{payment}",
        api="/payments/{payment}",
        cli=("payments show {payment}", "payments sync {payment}", "refund {payment} --dry-run"),
    ),
    Equivalent(page="/refunds", api="/refunds?limit=5"),
    Equivalent(
        page="/refunds/requests",
        api="/refund_requests?limit=5",
        cli=("refund-requests ls",),
        filters=("payment", "status"),
    ),
    Equivalent(
        page="/refunds/requests/{request}", api="/refund_requests/{request}", cli=("refund-requests show {request}",)
    ),
    Equivalent(page="/refunds/policies", api="/refund_policies"),
    Equivalent(page="/settings/policy", api="/refund_policies"),
    Equivalent(page="/refunds/{refund}", api="/refunds/{refund}"),
    Equivalent(page="/disputes", api="/disputes?limit=5", cli=("disputes ls",), filters=("payment", "status")),
    Equivalent(page="/disputes/{dispute}", api="/disputes/{dispute}", cli=("disputes show {dispute}",)),
    Equivalent(page="/customers", api="/customers?limit=5"),
    Equivalent(page="/customers/user", api="/users/{name}/wallet", cli=("credits show {name}",)),
    Equivalent(page="/customers/guests", api="/customers?limit=5"),
    Equivalent(page="/customers/{customer}", api="/customers/{customer}"),
    Equivalent(page="/ledger", api="/ledger/trial_balance", cli=("ledger balances", "ledger check")),
    Equivalent(page="/ledger/accounts", api="/ledger/accounts?limit=5", cli=("ledger balances",)),
    Equivalent(
        page="/ledger/statement", api="/ledger/statements/{account}?limit=5", cli=("ledger statement {account}",)
    ),
    Equivalent(page="/ledger/journals", api="/ledger/journals?limit=5"),
    Equivalent(page="/ledger/seals", api="/ledger/seals?limit=5", cli=("ledger seal", "ledger check")),
    Equivalent(
        page="/reconciliation",
        api="/reconciliation/discrepancies?limit=5",
        cli=("reconcile ls", "reconcile run"),
        filters=("status", "kind", "gateway"),
    ),
    Equivalent(
        page="/reconciliation/runs",
        api="/reconciliation/runs?limit=5",
        cli=("reconcile runs", "reconcile run"),
        filters=("gateway",),
    ),
    Equivalent(
        page="/reconciliation/{discrepancy}",
        api="/reconciliation/discrepancies/{discrepancy}",
        cli=("reconcile show {discrepancy}",),
    ),
    Equivalent(page="/proof", api="/ledger/checks", cli=("ledger check",)),
    Equivalent(page="/inbox", api="/inbox?limit=5", cli=("events ls", "events replay --failed"), filters=("payment",)),
    Equivalent(
        page="/inbox/{message}", api="/inbox/{message}", cli=("events show {message}", "events replay {message}")
    ),
    Equivalent(
        page="/deliveries",
        api="/deliveries?limit=5",
        cli=("events out ls", "listen --forward-to http://127.0.0.1:3000/webhooks"),
        filters=("endpoint", "event", "status"),
    ),
    Equivalent(page="/deliveries/endpoints/{endpoint}", api="/webhook_endpoints/{endpoint}"),
    Equivalent(
        page="/deliveries/{delivery}",
        api="/deliveries/{delivery}",
        cli=("events out show {delivery}", "events out resend {delivery}"),
    ),
    Equivalent(page="/gateways", api="/admin/gateways/status", cli=("gateways ls", "gateways test")),
    Equivalent(page="/jobs", cli=("events ls --status dead", "mail ls")),
    Equivalent(page="/risk", api="/payments?status=in_review&limit=5", cli=("risk reviews",)),
    Equivalent(page="/risk/rules", api="/admin/risk/rules", cli=("risk rules",)),
    Equivalent(page="/risk/lists", api="/admin/risk/lists?limit=5", cli=("risk lists",)),
    Equivalent(page="/risk/try", api="/admin/risk/rules", cli=("risk rules",)),
    Equivalent(
        page="/audit",
        api="/admin/audit?limit=5",
        cli=("audit ls", "audit check"),
        filters=("actor", "action", "subject"),
    ),
    Equivalent(page="/health", cli=("doctor", "ledger check")),
    Equivalent(page="/settings", api="/packages"),
    Equivalent(page="/settings/packages/{package}", api="/packages/{package}/history?limit=5"),
    Equivalent(page="/settings/people", cli=("users ls",)),
    Equivalent(page="/settings/keys", api="/admin/keys?limit=5", cli=("keys ls",)),
    # A report of the day reads all of its postings; what nobody has asked for is not to cost that.
    Equivalent(page="", api="/payments?limit=5", cli=("payments ls", "report daily")),
)
"""In the order in which they are looked for; what no row knows is asked for as the page above it."""
API = "/api/v1"
COMMAND = "till"
WAYS = tuple((compile_path(row.page or "/")[0], row) for row in TABLE)


def of(path: str, fields: Mapping[str, str]) -> Spoken:
    """Find what says the same as the page at a path below /admin, or as the nearest page above it."""
    for above in _upwards(path):
        for way, row in WAYS:
            if found := way.match(above):
                return _spoken(row, {name: text for name, text in fields.items() if text} | found.groupdict())
    message = "the overview is above every page"
    raise AssertionError(message)


def _upwards(path: str) -> Iterator[str]:
    """List a path and those above it, up to the overview."""
    path = path.rstrip("/")
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield "/"


def _spoken(row: Equivalent, known: Mapping[str, str]) -> Spoken:
    """Fill in what is known; a request that needs more than the address has is left out."""
    wanted = {name: known[name] for name in row.filters if name in known}
    try:
        api = row.api and API + row.api.format_map({name: quote(text, safe=":") for name, text in known.items()})
        quoted = {name: shlex.quote(text) for name, text in known.items()}
        cli = [f"{COMMAND} {command.format_map(quoted)}" for command in row.cli]
    except KeyError:
        return Spoken(api=None, cli=())
    if api and wanted:
        api += f"{'&' if '?' in api else '?'}{urlencode(wanted)}"
    if cli and wanted:
        cli[0] += "".join(f" --{name} {shlex.quote(text)}" for name, text in wanted.items())
    return Spoken(api=api, cli=tuple(cli))
