"""What Razorpay is opened with, and what refuses to start."""

import pytest

from tillkeeper.gateway import ConfigurationError
from tillkeeper.gateways.razorpay import GATEWAY
from tillkeeper.gateways.razorpay.adapter import OWN_API_BASE
from tillkeeper.kernel.secrets import Secrets

TEST = {"RAZORPAY_KEY_ID": "rzp_test_x", "RAZORPAY_KEY_SECRET": "s", "RAZORPAY_WEBHOOK_SECRET": "w"}
LIVE = TEST | {"RAZORPAY_KEY_ID": "rzp_live_x"}
SANDBOX = TEST | {"RAZORPAY_API_BASE": "http://127.0.0.1:9/razorpay"}


def test_nothing_set_is_not_configured_and_everything_set_is() -> None:
    assert GATEWAY.configured(Secrets({})) is False
    assert GATEWAY.configured(Secrets(TEST)) is True


@pytest.mark.parametrize("name", TEST)
@pytest.mark.parametrize("value", ["", None])
def test_a_missing_or_empty_secret_refuses_to_start(name: str, value: str | None) -> None:
    environment = {key: given for key, given in TEST.items() if key != name}
    if value is not None:
        environment[name] = value
    with pytest.raises(ConfigurationError, match=name):
        GATEWAY.configured(Secrets(environment))


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        (LIVE, "test"),
        (LIVE | {"RAZORPAY_API_BASE": SANDBOX["RAZORPAY_API_BASE"]}, "sandbox"),
        (TEST, "live"),
        (TEST | {"RAZORPAY_KEY_ID": "sk_test_x"}, "test"),
        (TEST, "sandbox"),
        (SANDBOX, "test"),
        (LIVE | {"RAZORPAY_API_BASE": "http://127.0.0.1:9"}, "live"),
    ],
)
def test_a_key_or_an_address_that_does_not_belong_to_the_mode_refuses_to_start(
    environment: dict[str, str], mode: str
) -> None:
    with pytest.raises(ConfigurationError):
        GATEWAY.connect(Secrets(environment), mode=mode)


@pytest.mark.parametrize(
    ("environment", "mode", "origin"),
    [
        (LIVE, "live", "https://rzp.io"),
        (TEST, "test", "https://rzp.io"),
        (TEST | {"RAZORPAY_API_BASE": OWN_API_BASE}, "test", "https://rzp.io"),
        (SANDBOX, "sandbox", "http://127.0.0.1:9"),
        (SANDBOX | {"TILL_ALLOW_API_BASE": "1"}, "test", "http://127.0.0.1:9"),
    ],
)
async def test_what_belongs_together_opens(environment: dict[str, str], mode: str, origin: str) -> None:
    gateway = GATEWAY.connect(Secrets(environment), mode=mode)
    assert (gateway.name, gateway.checkout_origin) == ("razorpay", origin)
    await gateway.close()
