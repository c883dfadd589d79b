"""What risk looks at, in words."""

from tillkeeper.risk import Fact, Operator, Side, Trait

FACTS = {
    Fact.AMOUNT: "Amount",
    Fact.CURRENCY: "Currency",
    Fact.ACCOUNT_AGE_HOURS: "Age of the account, in hours",
    Fact.ATTEMPTS_BY_USER_HOUR: "Payments begun by the user in an hour",
    Fact.ATTEMPTS_BY_ADDRESS_HOUR: "Payments begun from the address in an hour",
    Fact.ATTEMPTS_BY_FINGERPRINT_HOUR: "Payments begun on the device in an hour",
    Fact.FAILURES_BY_USER_DAY: "Failed tries of the user in a day",
    Fact.FAILURES_BY_ADDRESS_HOUR: "Failed tries from the address in an hour",
    Fact.FAILURES_BY_FINGERPRINT_HOUR: "Failed tries on the device in an hour",
    Fact.USERS_BY_ADDRESS_DAY: "Users from the address in a day",
}
OPERATORS = {
    Operator.MORE_THAN: "is more than",
    Operator.LESS_THAN: "is less than",
    Operator.EQUALS: "is",
    Operator.ONE_OF: "is one of",
}
TRAITS = {Trait.USER: "User", Trait.ADDRESS: "Network address", Trait.FINGERPRINT: "Fingerprint of a device"}
SIDES = {Side.BLOCK: "Blocked: never pays", Side.ALLOW: "Trusted: is never held up"}
