"""What is looked at before a gateway is opened, the same for every gateway."""

import pytest
from tests.gateways.subject import SUBJECTS, Habit, Subject, having
from tests.gateways.trial import connector_of, stand_of

from tillkeeper.gateway import ConfigurationError
from tillkeeper.kernel.secrets import Secrets

BASE = "http://127.0.0.1:9"
NEEDED = [(name, variable) for name in SUBJECTS for variable in stand_of(name).variables]


def environment_of(subject: Subject) -> dict[str, str]:
    """Name all that a gateway needs, at an address where nobody is."""
    return stand_of(subject.name).invent(BASE)


def without_base(environment: dict[str, str]) -> dict[str, str]:
    """Leave the address out, so that calls go to the gateway itself."""
    return {name: value for name, value in environment.items() if not name.endswith("_API_BASE")}


def test_a_gateway_without_any_variable_is_not_configured(subject: Subject) -> None:
    assert not connector_of(subject).configured(Secrets({}))
    assert connector_of(subject).configured(Secrets(environment_of(subject)))


@pytest.mark.parametrize(("subject", "variable"), NEEDED, indirect=["subject"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_gateway_that_lacks_one_variable_or_has_it_empty_does_not_start(
    subject: Subject, variable: str, value: str | None
) -> None:
    environment = environment_of(subject)
    del environment[variable]
    with pytest.raises(ConfigurationError, match=variable):
        connector_of(subject).configured(Secrets(environment if value is None else environment | {variable: value}))


async def test_a_gateway_with_everything_opens(subject: Subject) -> None:
    gateway = connector_of(subject).connect(Secrets(environment_of(subject)), mode="sandbox")
    assert gateway.name == subject.name
    assert gateway.checkout_origin == BASE
    assert gateway.key_window_seconds > 0
    await gateway.close()


@having(Habit.LIVE_KEYS)
@pytest.mark.parametrize("mode", ["sandbox", "test"])
def test_live_keys_are_refused_outside_live_mode(subject: Subject, mode: str) -> None:
    environment = environment_of(subject) | {**subject.live_keys}
    chosen = environment if mode == "sandbox" else without_base(environment)
    with pytest.raises(ConfigurationError, match=mode):
        connector_of(subject).connect(Secrets(chosen), mode=mode)


@having(Habit.LIVE_KEYS)
def test_test_keys_are_refused_in_live_mode(subject: Subject) -> None:
    with pytest.raises(ConfigurationError, match="live"):
        connector_of(subject).connect(Secrets(without_base(environment_of(subject))), mode="live")


@pytest.mark.parametrize("mode", ["test", "live"])
async def test_an_address_that_is_not_the_gateways_own_needs_a_word_of_its_own(subject: Subject, mode: str) -> None:
    environment = environment_of(subject) | ({**subject.live_keys} if mode == "live" else {})
    with pytest.raises(ConfigurationError, match=BASE):
        connector_of(subject).connect(Secrets(environment), mode=mode)
    allowed = Secrets(environment | {"TILL_ALLOW_API_BASE": "1"})
    await connector_of(subject).connect(allowed, mode=mode).close()


def test_the_sandbox_mode_never_talks_to_the_gateway_itself(subject: Subject) -> None:
    with pytest.raises(ConfigurationError, match="sandbox"):
        connector_of(subject).connect(Secrets(without_base(environment_of(subject))), mode="sandbox")
