"""Chains: every seal and every line of the audit log, hashed again from what stands in the rows."""

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

from tillkeeper.ops.chaos.oracle.case import Case, Finding, grouped


def sealed(case: Case) -> Iterator[Finding]:
    """Hash every journal and every seal, follow the chain, and look for journals that stand in no seal or in two."""
    digests = _digests(case)
    before = ""
    for place, seal in enumerate(case.rows["seals"]):
        about = f"seal {seal['number']}"
        if seal["number"] != place or seal["previous"] != before:
            yield Finding(
                invariant="I9", about=about, found=seal["previous"], should_be=f"number {place} after {before}"
            )
        entries = list(zip(seal["journals"], seal["digests"], strict=True))
        for journal, digest in entries:
            if digests.get(journal) != digest:
                found = f"journal {journal} is another, or gone"
                yield Finding(invariant="I9", about=about, found=found, should_be="as it was sealed")
        told = [seal["number"], seal["previous"], seal["sealed_us"], [list(each) for each in entries]]
        before = _hash(told)
        if before != seal["hash"]:
            yield Finding(invariant="I9", about=about, found=f"the hash {seal['hash']}", should_be=before)
        before = seal["hash"]
    times = Counter(journal for seal in case.rows["seals"] for journal in seal["journals"])
    times += Counter(row["journal"] for row in case.rows["unsealed"])
    for journal in digests.keys() | times.keys():
        if times[journal] != 1 or journal not in digests:
            found = f"in {times[journal]} seals, or waiting for one, {'there' if journal in digests else 'gone'}"
            yield Finding(invariant="I9", about=f"journal {journal}", found=found, should_be="in one, and there")


def _digests(case: Case) -> dict[str, str]:
    """Hash every journal with its postings."""
    postings = grouped(case.rows["postings"], "journal")
    found = {}
    for row in case.rows["journals"]:
        moved = [
            [each["id"], each["debit"], each["credit"], each["currency"], each["amount"]]
            for each in sorted(postings.get(row["id"], []), key=lambda each: each["id"])
        ]
        fact = [row[name] for name in ("id", "source", "source_id", "kind", "sha", "effective_us", "recorded_us")]
        found[row["id"]] = _hash([*fact, row["correlation"], moved or None])
    return found


def _hash(told: object) -> str:
    return sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def audited(case: Case) -> Iterator[Finding]:
    """Follow the chain of the audit log."""
    before = b""
    for place, row in enumerate(case.rows["audit"], start=1):
        right = sha256(before + row["said"].encode()).digest()
        before = bytes(row["digest"])
        if row["number"] != place or right != before:
            about, should_be = f"audit entry {row['number']}", f"number {place}, {right.hex()}"
            yield Finding(invariant="I9", about=about, found=before.hex(), should_be=should_be)
