"""Whether secrets are there, real, young and readable by nobody else."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from tillkeeper import credentials
from tillkeeper.gateway import Credential
from tillkeeper.kernel.errors import TillError
from tillkeeper.ops.doctor import Finding, State
from tillkeeper.ops.preflight.ground import Ground
from tillkeeper.reports.secrets import age_days_max

key_length_min = 32
KEY = "TILL_SECRET_KEY"
OPEN = stat.S_IRWXO | stat.S_IWGRP


def present(ground: Ground) -> Finding:
    """Check that no secret is what an example holds, and that each can be read."""
    wrong = sorted(_wrong(ground))
    if wrong:
        fix = f"Put real ones there. For {KEY} and TILL_JWT_SECRET: `openssl rand -base64 48`."
        return Finding("secrets", State.PROBLEM, "; ".join(wrong), fix)
    return Finding("secrets", State.OK, f"{len(list(_set(ground)))} are set, none is an example's")


def _wrong(ground: Ground) -> Iterator[str]:
    for each in _all(ground):
        try:
            value = ground.secrets.get(each.name)
        except TillError as error:
            yield f"{each.name}: {error.detail}"
            continue
        if not credentials.secret_of(value):
            continue  # whoever needs it has asked for it by now; a role may need no password
        if credentials.is_placeholder(value):
            yield f"{each.name} is a placeholder, or very short"
        elif each.beginning and not value.startswith(each.beginning):
            yield f"{each.name} does not begin with {each.beginning}"


def strength(ground: Ground) -> Finding:
    """Check that what everything stored is sealed with cannot be guessed."""
    length = len(ground.settings.secret_key) if ground.settings else 0
    if length < key_length_min:
        fix = f"Make one of {key_length_min} characters or more; docs/secrets.md says how the old one is replaced."
        return Finding(KEY, State.PROBLEM, f"{length} characters", fix)
    return Finding(KEY, State.OK, f"{length} characters")


def files(ground: Ground) -> Finding:
    """Check that other users of this machine cannot read the files that hold secrets."""
    names = [
        name for name in ground.environment if name.endswith("_FILE") and name.isupper() and _is_ours(ground, name)
    ]
    wide = []
    for name in sorted(names):
        path = Path(ground.environment[name])
        if path.is_file() and path.stat().st_mode & OPEN:
            wide.append(f"{name} ({stat.filemode(path.stat().st_mode)[1:]})")
    if wide:
        fix = "chmod 640 FILE, with the group of the program; in Kubernetes defaultMode: 0440 on the volume."
        return Finding("files of secrets", State.PROBLEM, "; ".join(wide), fix)
    return Finding("files of secrets", State.OK, f"{len(names)}, readable by nobody else" if names else "none")


def _is_ours(ground: Ground, name: str) -> bool:
    stem = name.removesuffix("_FILE").removesuffix("_UNTIL").removesuffix("_PREVIOUS")
    return stem in {each.name for each in _all(ground)}


def ages(ground: Ground) -> Finding | None:
    """Look how long each secret has been the same."""
    if ground.database is None:
        return None
    known = {each.name: ground.database.ages[each.name] for each in _set(ground) if each.name in ground.database.ages}
    old = {name: days for name, days in sorted(known.items()) if days > age_days_max}
    if old:
        found = ", ".join(f"{name} {days} days" for name, days in old.items())
        return Finding("ages of secrets", State.NOTE, found, "`till secrets status` says where new ones are made.")
    if not known:
        fix = "Let `till worker` run for an hour: it writes down when it first saw each."
        return Finding("ages of secrets", State.NOTE, "no worker has seen them yet", fix)
    return Finding("ages of secrets", State.OK, f"the oldest has been the same for {max(known.values())} days")


def grace(ground: Ground) -> Finding:
    """Look whether a previous secret counts for ever, or is over and still lies there."""
    endless = []
    for each in _all(ground):
        previous = f"{each.name}_PREVIOUS"
        held, until = (_optional(ground, name) for name in (previous, f"{previous}_UNTIL"))
        if held and not until and each.name != KEY:
            endless.append(previous)
    if endless:
        fix = "Set NAME_PREVIOUS_UNTIL, such as 2026-11-23T10:00:00Z, or remove it: whoever has it can still sign."
        return Finding("previous secrets", State.PROBLEM, f"{', '.join(endless)} counts without an end", fix)
    if _optional(ground, f"{KEY}_PREVIOUS"):
        fix = f"Run `till secrets reseal`, then empty {KEY}_PREVIOUS."
        return Finding("previous secrets", State.NOTE, f"{KEY}_PREVIOUS still opens what is stored", fix)
    return Finding("previous secrets", State.OK, "none counts without an end")


def webhooks(ground: Ground) -> Finding | None:
    """Check that webhooks of each gateway are verified, and with a secret of its own."""
    verifying = [each.name for each in ground.credentials if each.overlaps and "WEBHOOK" in each.name]
    values = [ground.secrets.get(name) for name in verifying]
    if not verifying:
        return None
    if not all(values) or len(set(values)) < len(values):
        fix = "Give each gateway the secret that its own dashboard shows for its own webhook."
        return Finding(
            "webhook secrets", State.PROBLEM, f"two of {', '.join(verifying)} are the same, or one is empty", fix
        )
    return Finding("webhook secrets", State.OK, f"{len(verifying)}, each of its own")


def _all(ground: Ground) -> tuple[Credential, ...]:
    return (*credentials.OURS, *ground.credentials)


def _set(ground: Ground) -> Iterator[Credential]:
    return (each for each in _all(ground) if _optional(ground, each.name))


def _optional(ground: Ground, name: str) -> str:
    try:
        return ground.secrets.get(name)
    except TillError:
        return ""


CHECKS: tuple[Callable[[Ground], Finding | None], ...] = (present, strength, files, ages, grace, webhooks)
