"""The gateways: one folder each, found by being here."""

import importlib
import pkgutil

from tillkeeper.gateway import Connector, Gateway
from tillkeeper.kernel.secrets import Secrets


def connectors() -> list[Connector]:
    """List every gateway that this version can talk to."""
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    return [module.GATEWAY for module in modules]


def connect(secrets: Secrets, *, mode: str) -> dict[str, Gateway]:
    """Open every gateway that is configured; raises ConfigurationError for one that is so only in part."""
    return {
        connector.name: connector.connect(secrets, mode=mode)
        for connector in connectors()
        if connector.configured(secrets)
    }
