"""The shop of the flow tests, for re-enactments."""

from tests.flows.conftest import line, plain_logs, shop, till

__all__ = ["line", "plain_logs", "shop", "till"]
