"""Take over files of an earlier system: what is right comes in once, what is not is told with its line."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tillkeeper import adoption
from tillkeeper.adoption import Key, PastPayment, PastUser, Record, UnreadableError, digest_of, key_of
from tillkeeper.flows.adopt import CHANGED, Fate, Verdict, adopt
from tillkeeper.kernel.errors import TillError
from tillkeeper.till import Till

batch_lines_max = 500
line_bytes_max = 1_000_000
findings_max = 1_000
"""So many refused or changed lines are listed; all of them are counted."""

Line = tuple[str, int, bytes]
"""A file's name, the number of a line in it, and what it holds."""


class FileUnreadableError(TillError):
    """Report a file that is not there or cannot be read; nothing was taken over from it."""

    code = "file_unreadable"
    title = "A file cannot be read"
    next_step = "Check the name and the rights of the file, and run the same command again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Hold a line that was not taken over, and why."""

    file: str
    line: int
    reason: str


@dataclass(slots=True, kw_only=True)
class Report:
    """Count what became of the lines of some files; money and credits are those of records that are new."""

    dry_run: bool
    lines: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    credits: int = 0
    debt: int = 0
    owed: Counter[str] = field(default_factory=Counter)
    captured: Counter[str] = field(default_factory=Counter)
    refunded: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    @property
    def problems(self) -> int:
        """Count the lines that somebody has to look at."""
        return self.fates["changed"] + self.fates["refused"]

    def as_json(self) -> dict[str, object]:
        """Say all of it in plain values."""
        return {
            "dry_run": self.dry_run,
            "lines": self.lines,
            "new": {"users": self.fates["user"], "payments": self.fates["payment"]},
            "known": self.fates["known"],
            "changed": self.fates["changed"],
            "refused": self.fates["refused"],
            "credits": self.credits,
            "debt": self.debt,
            "owed": dict(sorted(self.owed.items())),
            "captured": dict(sorted(self.captured.items())),
            "refunded": dict(sorted(self.refunded.items())),
            "ignored_fields": dict(sorted(self.ignored.items())),
            "findings": [{"file": each.file, "line": each.line, "reason": each.reason} for each in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Hold what a dry run would have stored of earlier lines."""

    said: dict[Key, bytes] = field(default_factory=dict)
    names: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """Hold how to go about it: whether nothing is stored, and how amounts of money are written."""

    dry_run: bool = False
    major_units: bool = False


async def take_over(till: Till, files: Sequence[Path], manner: Manner, *, say: Callable[[int, int], None]) -> Report:
    """Take over files; `say` hears of bytes done and of bytes in all. Raises FileUnreadableError.

    Whatever ends it in the middle, the same call again takes over the rest: each batch of lines is whole or not there.
    """
    report = Report(dry_run=manner.dry_run)
    total, done = sum(_size(file) for file in files), 0
    foreseen = Foreseen()
    for batch in _batches(_lines(files)):
        read = [(line, reading) for line in batch if (reading := _read(line, manner, report))]
        verdicts = await adopt(till, [record for _, record in read], dry_run=manner.dry_run)
        for (line, record), verdict in zip(read, verdicts, strict=True):
            told = _among_lines(record, verdict, foreseen) if manner.dry_run else verdict
            _count(report, line, record, told)
        done += sum(len(content) for _, _, content in batch)
        say(done, total)
    return report


def _size(file: Path) -> int:
    try:
        if file.is_file() and os.access(file, os.R_OK):
            return file.stat().st_size
    except OSError:
        pass
    message = f"{file} is not a file that can be read."
    raise FileUnreadableError(message)


def _lines(files: Sequence[Path]) -> Iterator[Line]:
    """Read lines with their numbers, of one that is too long only as much as shows it."""
    for file in files:
        with file.open("rb") as opened:
            number = 0
            while content := opened.readline(line_bytes_max + 1):
                number += 1
                yield file.name, number, content
                while len(content) > line_bytes_max and not content.endswith(b"\n"):
                    content = opened.readline(line_bytes_max + 1)


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == batch_lines_max:
            yield batch
            batch = []
    if batch:
        yield batch


def _read(line: Line, manner: Manner, report: Report) -> Record | None:
    """Read a line, or note why not; an empty one is nothing."""
    _, _, content = line
    if not content.strip():
        return None
    report.lines += 1
    if len(content) > line_bytes_max:
        _note(report, line, Fate.REFUSED, f"it is longer than {line_bytes_max} bytes")
        return None
    try:
        reading = adoption.read(content, major_units=manner.major_units)
    except UnreadableError as error:
        _note(report, line, Fate.REFUSED, str(error))
        return None
    report.ignored.update(reading.ignored)
    return reading.record


def _among_lines(record: Record, verdict: Verdict, foreseen: Foreseen) -> Verdict:
    """Judge a record also by earlier lines, which a dry run has not stored."""
    if verdict.fate is not Fate.NEW:
        return verdict
    key, digest = key_of(record), digest_of(record)
    if key in foreseen.said:
        return Verdict(fate=Fate.KNOWN) if foreseen.said[key] == digest else CHANGED
    names = record.names if isinstance(record, PastPayment) else []
    taken = [name for name in names if name in foreseen.names]
    if taken:
        return Verdict(fate=Fate.REFUSED, reason=f"{' '.join(taken[0])} is another payment or refund already")
    foreseen.said[key] = digest
    foreseen.names.update(names)
    return verdict


def _count(report: Report, line: Line, record: Record, verdict: Verdict) -> None:
    match verdict.fate:
        case Fate.NEW:
            report.fates[record.kind] += 1
            _add(report, record)
        case Fate.KNOWN:
            report.fates[Fate.KNOWN] += 1
        case Fate.CHANGED | Fate.REFUSED:
            _note(report, line, verdict.fate, verdict.reason)


def _note(report: Report, line: Line, fate: Fate, reason: str) -> None:
    file, number, _ = line
    report.fates[fate] += 1
    if len(report.findings) < findings_max:
        report.findings.append(Finding(file=file, line=number, reason=reason))


def _add(report: Report, record: Record) -> None:
    match record:
        case PastUser():
            report.credits += record.balance
            report.debt += record.debt
            for lot in record.lots:
                if lot.currency and lot.amount:
                    report.owed[lot.currency] += lot.amount
        case PastPayment() if record.status == "succeeded":
            report.captured[record.currency] += record.amount
            if record.refunded:
                report.refunded[record.currency] += record.refunded
        case _:
            return
