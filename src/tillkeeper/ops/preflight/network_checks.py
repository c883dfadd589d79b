"""What is said to the world, by whom it may be called, and whom it believes."""

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from tillkeeper.ops.doctor import Finding, State
from tillkeeper.ops.preflight.ground import Ground

proxies_max = 65_536
"""A network with more addresses than this is no list of one's own proxies."""
TRUE = frozenset({"1", "true", "yes", "on"})


def configuration(ground: Ground) -> Finding:
    """Check that the settings can be used at all; without them nothing further is looked at."""
    if ground.settings is None:
        return Finding("settings", State.PROBLEM, ground.trouble, "Correct the setting named here, and run this again.")
    return Finding("settings", State.OK, "can be used")


def mode(ground: Ground) -> Finding | None:
    """Check that real money is meant."""
    if ground.settings is None:
        return None
    if ground.settings.live or not ground.production:
        return Finding("mode", State.OK, ground.settings.mode)
    fix = "Set TILL_MODE=live and the gateways' live keys; before that, `till preflight --profile staging`."
    return Finding("mode", State.PROBLEM, f"{ground.settings.mode}: no real money moves", fix)


def gateways(ground: Ground) -> Finding | None:
    """Check that at least one gateway is configured as a whole, with keys of this mode."""
    if ground.settings is None:
        return None
    if ground.gateway_trouble:
        return Finding("gateways", State.PROBLEM, ground.gateway_trouble, "Correct the setting named here.")
    if not ground.gateways:
        return Finding(
            "gateways", State.PROBLEM, "none is configured", "Set the variables of one; docs/go-live.md lists them."
        )
    return Finding("gateways", State.OK, ", ".join(ground.gateways))


def api_bases(ground: Ground) -> Finding:
    """Check that nothing leads payments to somebody else than the gateway."""
    named = sorted(name for name, value in ground.environment.items() if name.endswith("_API_BASE") and value)
    allowed = ground.environment.get("TILL_ALLOW_API_BASE") == "1"
    said = [*named, *(["TILL_ALLOW_API_BASE=1"] if allowed else [])]
    if said:
        fix = "Remove them: in production each gateway is at its own address, and keys are sent nowhere else."
        return Finding("addresses of gateways", State.PROBLEM, f"set: {', '.join(said)}", fix)
    return Finding("addresses of gateways", State.OK, "their own")


def public_url(ground: Ground) -> Finding:
    """Check that customers and gateways come by an encrypted address that they can reach."""
    assert ground.settings, "it is looked at with settings only"
    url = ground.settings.public_url
    parts = urlsplit(url)
    fix = "Put TLS before it (deploy/nginx), and set TILL_PUBLIC_URL to https:// and the name that customers see."
    if parts.scheme != "https":
        return Finding("public address", State.PROBLEM, f"{url} is not encrypted", fix)
    if _is_private(parts.hostname or ""):
        return Finding("public address", State.PROBLEM, f"{url} cannot be reached from outside", fix)
    return Finding("public address", State.OK, url)


def square_url(ground: Ground) -> Finding | None:
    """Check that Square signs over the address under which its webhooks come in here."""
    signed = ground.environment.get("SQUARE_WEBHOOK_URL")
    if not signed or ground.settings is None:
        return None
    if urlsplit(signed)[:2] != urlsplit(ground.settings.public_url)[:2]:
        fix = "Set SQUARE_WEBHOOK_URL to TILL_PUBLIC_URL + /webhooks/square, letter by letter as in Square's console."
        return Finding("address of Square's webhooks", State.NOTE, f"{signed} is not below TILL_PUBLIC_URL", fix)
    return Finding("address of Square's webhooks", State.OK, signed)


def cors(ground: Ground) -> Finding:
    """Check that only pages of one's own may call from browsers."""
    assert ground.settings, "it is looked at with settings only"
    origins = ground.settings.cors_origins_allowed
    wrong = [each for each in origins if not each.startswith("https://") or _is_private(urlsplit(each).hostname or "")]
    if wrong:
        fix = "Leave https:// origins of your own shop in TILL_CORS_ORIGINS, and nothing else."
        return Finding("CORS", State.PROBLEM, f"{', '.join(wrong)} may call from browsers", fix)
    return Finding("CORS", State.OK, ", ".join(origins) or "no page of another origin may call")


def proxies(ground: Ground) -> Finding:
    """Check that nobody can choose their own address, by which attempts are counted."""
    assert ground.settings, "it is looked at with settings only"
    networks = [
        ip_network(each.strip(), strict=False) for each in ground.settings.trusted_proxies.split(",") if each.strip()
    ]
    wide = [str(each) for each in networks if each.num_addresses > proxies_max]
    if wide:
        fix = "Name the addresses of your own proxies in TILL_TRUSTED_PROXIES, and nothing wider."
        return Finding("proxies", State.PROBLEM, f"{', '.join(wide)} is believed about who calls", fix)
    if not networks:
        fix = "Set TILL_TRUSTED_PROXIES to the address of your proxy, or every call seems to come from it."
        return Finding("proxies", State.NOTE, "none is named", fix)
    return Finding("proxies", State.OK, ", ".join(map(str, networks)))


def second_factor(ground: Ground) -> Finding:
    """Look whether a password alone opens the dashboard to those who move money."""
    assert ground.settings, "it is looked at with settings only"
    if not ground.settings.roles_with_second_factor:
        fix = "Set TILL_SECOND_FACTOR_ROLES=admin,finance."
        return Finding("second factor", State.NOTE, "no role must have one", fix)
    return Finding("second factor", State.OK, ", ".join(ground.settings.roles_with_second_factor))


def alerts(ground: Ground) -> Finding:
    """Look whether somebody hears of what needs a person."""
    assert ground.settings, "it is looked at with settings only"
    if not ground.settings.mail_alerts_to or not ground.settings.mail_from:
        fix = "Set TILL_SMTP_URL, TILL_MAIL_FROM and TILL_MAIL_ALERTS_TO; `till mail test` tries it."
        return Finding("letters to operators", State.NOTE, "nobody gets any", fix)
    return Finding("letters to operators", State.OK, ground.settings.mail_alerts_to)


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or not host:
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False


CONFIGURATION: tuple[Callable[[Ground], Finding | None], ...] = (configuration, mode, gateways)
CHECKS: tuple[Callable[[Ground], Finding | None], ...] = (
    api_bases,
    public_url,
    square_url,
    cors,
    proxies,
    second_factor,
    alerts,
)
