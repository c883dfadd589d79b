"""The gateways: one folder each, found by being here."""

import importlib
import pkgutil
from importlib.util import find_spec

from tillkeeper.gateway import Connector, Gateway
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.sandbox_kit.stand import Stand


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


def stands() -> list[Stand]:
    """List the imitation of every gateway that has one."""
    names = [f"{__name__}.{module.name}.sandbox" for module in pkgutil.iter_modules(__path__)]
    return [importlib.import_module(name).SANDBOX for name in names if find_spec(name) is not None]
