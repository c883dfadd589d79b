"""Search every file that is kept for secrets that somebody left there: `python tests/leaks.py [FILE …]`.

Asked for are kinds that can be told by their form. What only looks random, or stands beside the word “password”, is
not: tests are full of made-up ones, and a list of two hundred exceptions would hide more than it finds.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from detect_secrets.core.plugins.initialize import from_plugin_classname
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).parents[1]
KINDS = (
    *(
        "ArtifactoryDetector",
        "AWSKeyDetector",
        "AzureStorageKeyDetector",
        "CloudantDetector",
        "DiscordBotTokenDetector",
    ),
    *("GitHubTokenDetector", "GitLabTokenDetector", "IbmCloudIamDetector", "JwtTokenDetector", "MailchimpDetector"),
    *("NpmDetector", "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector"),
    *("SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector"),
)
OURS = re.compile(
    r"till_sk_live_[0-9A-Za-z]{20}|rzp_live_[0-9A-Za-z]{14}|[rs]k_live_[0-9A-Za-z]{24}|\bEAAA[0-9A-Za-z_-]{60}"
    r"|\bA21AA[0-9A-Za-z_-]{60}|AGE-SECRET-KEY-1[0-9A-Z]{58}"
)
"""Keys of ours and of the gateways that detect-secrets does not know, in the length of real ones."""
KNOWN = {
    ("tests/canary/canaries.py", "Private Key"): "the frame of a key that is made anew in each run",
    ("tests/rules/test_logs.py", "Private Key"): "the frame of a key with made-up words inside, which a log must mask",
}
"""By file and kind, why what was found there is no secret."""


def kept() -> list[str]:
    """List the files that git keeps, and those that would be kept next."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    said = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted({name for name in said.stdout.split("\0") if name and (ROOT / name).is_file()})


def found(names: Iterable[str]) -> Iterator[tuple[str, int, str]]:
    """List file, line and kind of whatever is a secret by its form; the secret itself is never said."""
    with transient_settings({"plugins_used": [{"name": kind} for kind in KINDS]}):
        detectors: list[Any] = [from_plugin_classname(kind) for kind in KINDS]
    for name in names:
        text = (ROOT / name).read_bytes().decode(errors="replace")
        # A file at once and not a line at a time: the libraries' own way through a checkout takes minutes.
        for detector in detectors:
            for secret in {*detector.analyze_string(text)}:
                yield name, text.count("\n", 0, text.index(secret)) + 1, detector.secret_type
        yield from ((name, text.count("\n", 0, hit.start()) + 1, "Payment Key") for hit in OURS.finditer(text))


def main(names: list[str]) -> int:
    """Say where secrets are, and how it went."""
    leaks = [each for each in found(names or kept()) if (each[0], each[2]) not in KNOWN]
    for name, line, kind in leaks:
        sys.stdout.write(f"{name}:{line}: {kind}. Take it out and make a new one: what was committed once is known.\n")
    return 1 if leaks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
