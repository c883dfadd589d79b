"""What PayPal is opened with, and what must refuse to start."""

from pathlib import Path
from typing import Any

import pytest

from tillkeeper import gateways
from tillkeeper.gateway import ConfigurationError, Feature
from tillkeeper.gateways.paypal import GATEWAY
from tillkeeper.kernel.secrets import Secrets

SET = {"PAYPAL_CLIENT_ID": "c", "PAYPAL_CLIENT_SECRET": "s", "PAYPAL_WEBHOOK_ID": "4JH86294D6297924G"}
LIVE, TEST = "https://api-m.paypal.com", "https://api-m.sandbox.paypal.com"
OURS = "http://127.0.0.1:8090/paypal"


def connect(mode: str, **more: str) -> Any:
    return GATEWAY.connect(Secrets(SET | more), mode=mode)


def test_paypal_is_found_by_being_there() -> None:
    assert "paypal" in [connector.name for connector in gateways.connectors()]
    assert "paypal" in [stand.name for stand in gateways.stands()]


def test_nothing_set_is_not_configured_and_a_part_refuses_to_start() -> None:
    assert not GATEWAY.configured(Secrets({}))
    assert GATEWAY.configured(Secrets(SET))
    for absent in SET:
        for value in ({}, {absent: ""}):
            partial = {name: text for name, text in SET.items() if name != absent} | value
            with pytest.raises(ConfigurationError, match=absent):
                GATEWAY.configured(Secrets(partial))


@pytest.mark.parametrize("word", ["WEBHOOK_ID", " webhook_id "])
@pytest.mark.parametrize("mode", ["sandbox", "test", "live"])
def test_the_word_webhook_id_itself_refuses_to_start(mode: str, word: str) -> None:
    with pytest.raises(ConfigurationError, match="WEBHOOK_ID"):
        connect(mode, PAYPAL_WEBHOOK_ID=word, PAYPAL_API_BASE=OURS if mode == "sandbox" else "")


@pytest.mark.parametrize(
    ("mode", "base"),
    [
        ("live", TEST),
        ("live", OURS),
        ("test", LIVE),
        ("test", OURS),
        ("sandbox", ""),
        ("sandbox", TEST),
        ("sandbox", LIVE),
    ],
)
def test_an_address_that_does_not_belong_to_the_mode_refuses_to_start(mode: str, base: str) -> None:
    with pytest.raises(ConfigurationError):
        connect(mode, PAYPAL_API_BASE=base)


async def test_each_mode_trusts_its_own_place_and_name_only() -> None:
    for mode, base, place, subject, origin in (
        ("live", "", "https://api.paypal.com", "messageverificationcerts.paypal.com", "https://www.paypal.com"),
        (
            "test",
            TEST,
            "https://api.sandbox.paypal.com",
            "messageverificationcerts.sandbox.paypal.com",
            "https://www.sandbox.paypal.com",
        ),
        ("sandbox", OURS, OURS, "messageverificationcerts.sandbox.paypal.com", "http://127.0.0.1:8090"),
    ):
        opened = connect(mode, PAYPAL_API_BASE=base)
        trust = opened._judge.certificates.trust
        assert (trust.place, trust.subject) == (f"{place}/v1/notifications/certs/", subject)
        assert (trust.own_root, opened.checkout_origin) == (mode == "sandbox", origin)
        await opened.close()


async def test_staging_may_point_elsewhere_when_it_says_so_and_trusts_no_root_that_is_served_there() -> None:
    opened = connect("test", PAYPAL_API_BASE=OURS, TILL_ALLOW_API_BASE="1")
    assert not opened._judge.certificates.trust.own_root
    await opened.close()


async def test_a_bundle_of_roots_is_read_or_refuses_to_start(tmp_path: Path) -> None:
    bundle = tmp_path / "roots.pem"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        connect("live", PAYPAL_CA_BUNDLE=str(bundle))
    bundle.write_text("nothing")
    with pytest.raises(ConfigurationError, match="no certificate"):
        connect("live", PAYPAL_CA_BUNDLE=str(bundle))
    pem = "-----BEGIN CERTIFICATE-----\n"
    bundle.write_text(pem)
    opened = connect("sandbox", PAYPAL_API_BASE=OURS, PAYPAL_CA_BUNDLE=str(bundle))
    assert (opened._judge.certificates.trust.bundle, opened._judge.certificates.trust.own_root) == (pem.encode(), False)
    await opened.close()


async def test_paypal_holds_money_in_either_checkout_and_keeps_no_customers() -> None:
    opened = connect("live")
    held = {Feature.EMBEDDED, Feature.MANUAL_CAPTURE, Feature.HOSTED_MANUAL_CAPTURE, Feature.PARTIAL_CAPTURE}
    assert held <= opened.features
    assert Feature.CUSTOMERS not in opened.features
    await opened.close()
