"""What to do next, for people at a page: most errors advise whoever wrote the program that called."""

from tillkeeper.access import ForbiddenError
from tillkeeper.flows.refund import RequestNeededError, SecondPersonNeededError
from tillkeeper.flows.respond import AcceptanceNeedsTwoError
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.idempotency import InProgressError, KeyReusedError
from tillkeeper.kernel.errors import (
    DatabaseUnavailableError,
    InvalidFieldError,
    InvalidStateError,
    MalformedJsonError,
    NotFoundError,
    TillError,
)
from tillkeeper.web.cookie import ForgeryError
from tillkeeper.web.errors import MethodNotAllowedError, UnsupportedMediaTypeError

AGAIN = "Press the button again in a few seconds: however often you do, it is done once."
IN_TWO = "Ask for it under Refunds, “Ask for a refund”; there the policy says who must agree."
ADVICE = {
    ForbiddenError.next_step: "Ask an administrator for a role that may, or somebody who has one.",
    ForgeryError.next_step: "Go back to the page, load it again, and send the form once more.",
    InvalidFieldError.next_step: "Correct it and send the form again; nothing was done.",
    InvalidStateError.next_step: "Load the page again, look at its state, and decide again.",
    MalformedJsonError.next_step: "Take out what cannot be read and send it again; nothing was done.",
    NotFoundError.next_step: "Check the address, or look for it in the search.",
    MethodNotAllowedError.next_step: "Go back to the page, load it again, and send the form once more.",
    UnsupportedMediaTypeError.next_step: "Send the form of the page as it is.",
    DatabaseUnavailableError.next_step: AGAIN,
    GatewayUnavailableError.next_step: AGAIN,
    InProgressError.next_step: AGAIN,
    KeyReusedError.next_step: "This form was sent before with something else in it. Look at what came of that first.",
    SecondPersonNeededError.next_step: IN_TWO,
    RequestNeededError.next_step: IN_TWO,
    AcceptanceNeedsTwoError.next_step: "Let two people accept it, one after the other.",
}
"""What an error advises programs, and what people do in its place."""


def next_step(error: TillError) -> str:
    """Say what somebody at a page does next."""
    return ADVICE.get(error.next_step, error.next_step)
