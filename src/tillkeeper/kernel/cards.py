"""Card numbers in texts: found among other digits and however they are written, in time that grows with the length.

Only digits between borders are judged: a number inside a longer one, or inside an id, is a name and not a card.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise, takewhile
from urllib.parse import unquote

from tillkeeper.kernel import ibans

digits_min = 13
digits_max = 19
decodings_max = 3
"""How often a text is taken for one that was encoded for a URL."""
GAP = r"[\s._/+\-\u2010-\u2015\u2212]{0,3}"
RUN = re.compile(rf"[0-9](?:{GAP}[0-9]){{12,}}+")
"""Thirteen digits and more with little between them: possessive, so that no text is read twice."""
GROUP = re.compile(r"[0-9]+")
COLONS = re.compile(r"(?<![\w:])[0-9]{4}(?::[0-9]{4}){3}(?![\w:])")
"""Four times four digits with colons; whatever is longer or has a double one is an address of IPv6."""
LETTER_BEFORE = re.compile(r"[A-Za-z]-?\Z")
LETTER_BEHIND = re.compile(r"-?[A-Za-z]")
TRACK = re.compile(r"(?:\A|[^0-9A-Za-z])[Bb]\Z")
"""How the first track of a magnetic stripe begins: B, and behind the number follows ^."""
FOURS = (4, 4, 4)
LAYOUTS = frozenset(
    {
        *((size,) for size in range(digits_min, digits_max + 1)),
        *((*FOURS, rest) for rest in (1, 2, 3, 4)),
        *((*FOURS, 4, rest) for rest in (1, 2, 3)),
        *((4, 6, 4), (4, 6, 5), (6, 13), (8, 8)),
    }
)
"""How many digits stand together where a card number is written beside other numbers."""
groups_max = max(map(len, LAYOUTS))
FIRST = frozenset(layout[0] for layout in LAYOUTS)
DECIMAL = re.compile(r"[0-9]\.\Z")
PLUS = re.compile(r"(?:\A|[^0-9])\+\Z")
phone_digits_max = 13
PAIR = 2
NETWORKS = re.compile(
    r"4(\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(0[0-5]|[68]\d)\d{11}|35(2[89]|[3-8]\d)\d{12,15}|6(011|4[4-9]\d|5\d\d|2\d\d)\d{12,15}"
    r"|(60|81|82|508)\d{13,14}|(5[06-8]|6[37])\d{11,17}"
)
"""Visa, Mastercard, American Express, Diners, JCB, Discover, UnionPay, RuPay and Maestro, by prefix and length."""
DOUBLED = {str(digit): digit * 2 // 10 + digit * 2 % 10 for digit in range(10)}
Span = tuple[int, int]


class _Plain(dict[int, str]):
    """Write letters as ASCII does, digits and dashes of every script among them, and drop what nobody sees."""

    kept_max = 4096

    def __missing__(self, code: int) -> str:
        if len(self) >= self.kept_max:
            self.clear()
        self[code] = _plain(chr(code))
        return self[code]


def _plain(letter: str) -> str:
    digit = unicodedata.digit(letter, None)
    if digit is not None:
        return str(digit)
    match unicodedata.category(letter):
        case "Cf" | "Mn" | "Me":
            return ""
        case "Pd":
            return "-"
        case "Zs" | "Zl" | "Zp":
            return " "
        case _:
            return letter


PLAIN = _Plain()


def luhn(digits: str) -> bool:
    """Tell whether the check digit of a card number is right."""
    doubled = sum(map(DOUBLED.__getitem__, digits[-2::-2]))
    return (sum(map(int, digits[::-2])) + doubled) % 10 == 0


def holds_number(text: str) -> bool:
    """Tell whether a text holds a card number, also for a URL or in digits of another script."""
    return any(_spans(form) for form in _forms(text))


def mask(text: str, mark: str) -> str:
    """Put a mark in the place of each card number, or of the whole text when one is hidden by an encoding."""
    if len(text) < digits_min:
        return text
    parts, shown = [], 0
    for start, end in sorted(_spans(text)):
        if start >= shown:
            parts += [text[shown:start], mark]
        shown = max(shown, end)
    masked = "".join((*parts, text[shown:]))
    is_encoded = "%" in masked or not masked.isascii()
    return mark if is_encoded and holds_number(masked) else masked


def _forms(text: str) -> Iterator[str]:
    """Write a text as whoever decodes it would see it; none is longer than the text is."""
    for _ in range(decodings_max):
        if len(text) < digits_min:
            return
        yield text
        if not text.isascii():
            yield text.translate(PLAIN)
        decoded = unquote(text) if "%" in text else text
        if decoded == text:
            return
        text = decoded


def _spans(text: str) -> list[Span]:
    """List where the card numbers of a text stand; they may overlap."""
    found = []
    if ":" in text:
        found = [match.span() for match in COLONS.finditer(text) if _is_card(match.group())]
    if RUN.search(text) is None:
        return found
    # The number of a bank account is no card number, whatever part of it looks like one.
    judged = ibans.mask(text, "x")
    for run in RUN.finditer(judged):
        groups = _outside_ids(judged, [match.span() for match in GROUP.finditer(judged, *run.span())])
        found += _among(judged, groups)
    return found


def _outside_ids(text: str, groups: Sequence[Span]) -> Sequence[Span]:
    """Leave out digits that letters stand at, and those joined to them by single hyphens: they are part of an id."""
    start, end = groups[0][0], groups[-1][1]
    gaps = [text[one[1] : other[0]] for one, other in pairwise(groups)]
    before, behind = text[max(0, start - 2) : start], text[end : end + 2]
    on_track = TRACK.search(before) and text[groups[0][1] : groups[0][1] + 1] == "^"
    first = _joined(gaps) if LETTER_BEFORE.search(before) and not on_track else 0
    last = len(groups) - (_joined(gaps[::-1]) if LETTER_BEHIND.match(behind) else 0)
    return groups[first:last]


def _joined(gaps: Sequence[str]) -> int:
    """Count the groups that hang together by single hyphens from the first on."""
    return 1 + sum(1 for _ in takewhile("-".__eq__, gaps))


def _among(text: str, groups: Sequence[Span]) -> Iterator[Span]:
    """Find the card numbers among groups of digits: those written as cards are, and what else is one by itself."""
    covered: set[int] = set()
    for first, behind in _windows(text, groups):
        covered.update(range(first, behind))
        yield groups[first][0], groups[behind - 1][1]
    for is_covered, places in groupby(range(len(groups)), covered.__contains__):
        left = [groups[place] for place in places]
        if not is_covered and _is_alone(text, left):
            yield left[0][0], left[-1][1]


def _windows(text: str, groups: Sequence[Span]) -> Iterator[tuple[int, int]]:
    sizes = [end - start for start, end in groups]
    for first in (place for place, size in enumerate(sizes) if size in FIRST):
        for behind in range(first + 1, min(len(groups), first + groups_max) + 1):
            if tuple(sizes[first:behind]) not in LAYOUTS or (behind - first == 1 and _is_other(text, groups[first])):
                continue
            if _is_card(text[groups[first][0] : groups[behind - 1][1]]):
                yield first, behind


def _is_alone(text: str, groups: Sequence[Span]) -> bool:
    """Tell whether digits that nothing else stands at are a card number, in whatever groups they are written."""
    sizes = [end - start for start, end in groups]
    # In pairs people write dates, times and lists, and with one point a number with decimals.
    is_decimal = len(groups) == PAIR and text[groups[0][1] : groups[1][0]] == "."
    is_other = len(groups) == 1 and _is_other(text, groups[0])
    if not digits_min <= sum(sizes) <= digits_max or PAIR in sizes[:-1] or is_decimal or is_other:
        return False
    return _is_card(text[groups[0][0] : groups[-1][1]])


def _is_other(text: str, group: Span) -> bool:
    """Tell whether digits stand behind a decimal point, or are the longest number of a telephone."""
    before, digits = text[max(0, group[0] - 2) : group[0]], group[1] - group[0]
    return DECIMAL.search(before) is not None or (digits == phone_digits_max and PLUS.search(before) is not None)


def _is_card(text: str) -> bool:
    digits = "".join(GROUP.findall(text))
    return NETWORKS.fullmatch(digits) is not None and luhn(digits)
