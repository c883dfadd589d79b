"""The clock of a history that is being written: the wall's, set back."""

from datetime import datetime, timedelta

from tillkeeper.kernel import clock


class Clock:
    """Run as the wall clock does, from whatever moment it was set to."""

    def __init__(self) -> None:
        """Start with the truth."""
        self.ahead = timedelta()

    def now(self) -> datetime:
        """Read it; a till is opened with this."""
        return clock.now() + self.ahead

    def set(self, moment: datetime) -> None:
        """Let it be another moment, in whole seconds away from now: gateways count in those."""
        self.ahead = timedelta(seconds=round((moment - clock.now()).total_seconds()))

    def set_right(self) -> None:
        """Go back to the truth."""
        self.ahead = timedelta()

    @property
    def ahead_seconds(self) -> int:
        """Tell how far it runs ahead, or behind when that is below zero."""
        return round(self.ahead.total_seconds())
