"""The typed client of Tillkeeper: what its API does, as methods, sync and async."""

from tillkeeper_client import models
from tillkeeper_client.clients import AsyncClient, Client
from tillkeeper_client.errors import (
    ApiError,
    AuthenticationError,
    ConflictError,
    ConnectionFailedError,
    InvalidRequestError,
    NotFoundError,
    PaymentRefusedError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    TillkeeperError,
)
from tillkeeper_client.pages import AsyncPage, Page
from tillkeeper_client.webhooks import Event, Webhook, WebhookVerificationError

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncPage",
    "AuthenticationError",
    "Client",
    "ConflictError",
    "ConnectionFailedError",
    "Event",
    "InvalidRequestError",
    "NotFoundError",
    "Page",
    "PaymentRefusedError",
    "PermissionDeniedError",
    "RateLimitedError",
    "ServerError",
    "TillkeeperError",
    "Webhook",
    "WebhookVerificationError",
    "models",
]
