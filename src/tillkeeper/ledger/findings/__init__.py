"""What was found about the things that must always be true, and who looks when."""

from tillkeeper.ledger.findings.store import finish, latest, save, take

__all__ = ["finish", "latest", "save", "take"]
