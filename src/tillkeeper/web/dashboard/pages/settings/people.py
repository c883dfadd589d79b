"""The merchant's own people: who may sign in, and what they may do."""

from starlette.responses import Response

from tillkeeper.access.rights import of_role
from tillkeeper.access.staff import Role
from tillkeeper.flows import employ
from tillkeeper.flows.read import survey
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError
from tillkeeper.reports import staff as report
from tillkeeper.web.dashboard import paper
from tillkeeper.web.dashboard.desk import Desk, Json
from tillkeeper.web.dashboard.pages.settings import tabs

ROLES = [(role.value, ", ".join(right.replace("_", " ") for right in of_role(role))) for role in Role]
"""What each role may do, in the words of the table of rights."""
ADVICE = "Hand it over by a way that you trust. Whoever signs in with it should choose one of their own."


async def show(desk: Desk) -> Response:
    """List everybody."""
    people = await survey(desk.till, report.find)
    return desk.page("settings_people.html", tabs=tabs.of(desk), people=people, roles=ROLES)


async def ask_add(desk: Desk) -> Response:
    """Ask who is taken in."""
    return desk.dialog("settings_person_add.html", fields=desk.fields, roles=_short())


async def do_add(desk: Desk) -> Response:
    """Take somebody in, and show the password once."""
    email, role = desk.need("email"), _role(desk)
    _, password = await employ.employ(desk.till, email, role=role)
    return _secret(desk, email, password, "was taken in")


async def ask_role(desk: Desk) -> Response:
    """Ask what somebody is to do from now on."""
    person = await _person(desk)
    return desk.dialog(
        "settings_person_role.html", person=person, roles=_short(), role=desk.given("role") or person["role"]
    )


async def do_role(desk: Desk) -> Response:
    """Let somebody do something else."""
    person, role = await _other(desk), _role(desk)
    if role != person["role"]:
        await employ.set_role(desk.till, person["email"], role)
    return desk.done("/settings/people", f"{person['email']} is {role}, and signed out everywhere.")


async def ask_reset(desk: Desk) -> Response:
    """Say what a new password does."""
    return desk.dialog("settings_person_reset.html", person=await _person(desk))


async def do_reset(desk: Desk) -> Response:
    """Make a new password, and show it once."""
    person = await _other(desk)
    password = await employ.reset_password(desk.till, person["email"])
    return _secret(desk, person["email"], password, "has a new password, and is signed out everywhere")


async def ask_disable(desk: Desk) -> Response:
    """Say what it means to let somebody go."""
    return desk.dialog("settings_person_disable.html", person=await _person(desk))


async def do_disable(desk: Desk) -> Response:
    """Let somebody in no more."""
    person = await _other(desk)
    if person["disabled_at"] is None:
        await employ.disable(desk.till, person["email"])
    return desk.done("/settings/people", f"{person['email']} is signed out everywhere, and let in no more.")


def _secret(desk: Desk, email: str, password: str, done: str) -> Response:
    return desk.page(
        "secret.html",
        asked=f"{email} {done}",
        secret=password,
        label="Password",
        advice=ADVICE,
        back="/admin/settings/people",
    )


async def _person(desk: Desk) -> Json:
    id_ = ids.parse("member", desk.part("member"))
    found: Json = await survey(desk.till, lambda tx: report.show(tx, id_))
    return found


async def _other(desk: Desk) -> Json:
    """Find somebody else; whoever could change themselves could lock the last one out. Raises InvalidStateError."""
    person = await _person(desk)
    if person["id"] == desk.session.shown:
        message = "This is you, and somebody else does that for you; your own password is under your address."
        raise InvalidStateError(message)
    return person


def _role(desk: Desk) -> Role:
    try:
        return Role(desk.need("role"))
    except ValueError as error:
        message = f"A role is one of {', '.join(Role)}."
        raise InvalidFieldError(message, param="role") from error


def _short() -> list[tuple[str, str]]:
    return [(role.value, paper.words(role)) for role in Role]
