"""The shop of the flow tests, with workers to be run behind it."""

from tests.flows.conftest import line, plain_logs, shop, till

__all__ = ["line", "plain_logs", "shop", "till"]
