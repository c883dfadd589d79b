"""Which customer is meant by a profile, and what a profile adds to a customer."""

from dataclasses import replace
from uuid import UUID

import pytest

from tillkeeper.customers import Customer, Profile, rules
from tillkeeper.kernel.errors import InvalidFieldError

ANA = Customer(id=UUID(int=1), external_id="7", email="ana@shop.test", email_key="ana@shop.test", name="Ana")
BEA = Customer(id=UUID(int=2), external_id=None, email="bea@shop.test", email_key="bea@shop.test", name=None)


def test_the_merchants_own_id_decides_before_any_address() -> None:
    assert rules.meant([BEA, ANA], Profile(external_id="7", email="bea@shop.test")) == ANA


def test_an_address_finds_its_customer_however_it_is_written() -> None:
    assert rules.meant([ANA], Profile(email="ANA@Shop.test")) == ANA


def test_an_address_that_belongs_to_another_id_means_a_new_customer() -> None:
    assert rules.meant([ANA], Profile(external_id="8", email="ana@shop.test")) is None


def test_a_customer_known_by_address_alone_takes_the_id_that_comes_later() -> None:
    profile = Profile(external_id="9", email="bea@shop.test")
    assert rules.meant([BEA], profile) == BEA
    assert rules.filled(BEA, profile, email_taken=True) == replace(BEA, external_id="9")


def test_what_is_known_stays_and_what_is_empty_is_filled_in() -> None:
    profile = Profile(external_id="7", email="other@shop.test", name="Anna")
    assert rules.filled(ANA, profile, email_taken=False) == ANA
    nameless = replace(ANA, name=None, email=None, email_key=None)
    filled = rules.filled(nameless, profile, email_taken=False)
    assert (filled.name, filled.email, filled.email_key) == ("Anna", "other@shop.test", "other@shop.test")


def test_an_address_finds_only_the_first_who_had_it() -> None:
    late = rules.filled(replace(ANA, email=None, email_key=None), Profile(email="bea@shop.test"), email_taken=True)
    assert (late.email, late.email_key) == ("bea@shop.test", None)


@pytest.mark.parametrize("email", ["ana@shop.test", "a.b+c@x.example.org", "ünï@bücher.test", "o'neil@x.io"])
def test_addresses_as_people_have_them_are_taken(email: str) -> None:
    rules.check(Profile(email=email))


@pytest.mark.parametrize(
    "email",
    [
        "ana",
        "ana@shop",
        "@shop.test",
        "ana@",
        "a na@shop.test",
        "ana@shop.test\n",
        "ana@@shop.test",
        "ana@shop.",
        "Ana <ana@shop.test>",
        "ana@shop.test,bea@shop.test",
        "ana@shop.test\u200b",
        f"{'a' * 65}@shop.test",
        f"ana@{'x' * 250}.test",
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        rules.check(Profile(email=email))
    assert refused.value.param == "email"


@pytest.mark.parametrize(
    ("profile", "param"),
    [
        (Profile(name="Ana"), "external_id"),
        (Profile(external_id=" 7"), "external_id"),
        (Profile(external_id=""), "external_id"),
        (Profile(external_id="7", name="A\tB"), "name"),
        (Profile(external_id="7", name="x" * 201), "name"),
    ],
)
def test_a_customer_who_could_not_be_found_again_or_has_an_odd_name_is_refused(profile: Profile, param: str) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        rules.check(profile)
    assert refused.value.param == param
