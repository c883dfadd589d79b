"""Calls over HTTP, repeated where that is safe, sync and async."""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import httpx2

from tillkeeper_client import calls
from tillkeeper_client.calls import Call
from tillkeeper_client.errors import TillkeeperError
from tillkeeper_client.pages import AsyncPage, Page
from tillkeeper_client.reading import read

Model = TypeVar("Model")


@dataclass(frozen=True, slots=True)
class Transport:
    """Send calls and wait for their answers."""

    http: httpx2.Client
    key: str
    retries: int

    def send(self, call: Call) -> httpx2.Response:
        """Send a call until it is answered; raises ApiError or ConnectionFailedError."""
        tried = 0
        while True:
            try:
                return self._once(call)
            except TillkeeperError as error:
                error.idempotency_key = call.key
                if not calls.may_repeat(call, tried, self.retries, error):
                    raise
                time.sleep(calls.pause(tried, error))
            tried += 1

    def _once(self, call: Call) -> httpx2.Response:
        try:
            answer = self.http.request(**call.parts(self.key))
        except httpx2.HTTPError as error:
            raise calls.cut_off(error, call) from error
        refused = calls.failed(answer)
        if refused:
            raise refused
        return answer

    def model(self, call: Call, kind: type[Model]) -> Model:
        """Send a call whose answer is a model."""
        return read(kind, self.send(call).json())

    def page(self, call: Call, kind: type[Model]) -> Page[Model]:
        """Send a call whose answer is a page of models."""
        shown: dict[str, Any] = self.send(call).json()
        return Page(
            data=[read(kind, each) for each in shown["data"]],
            has_more=shown["has_more"],
            next_cursor=shown["next_cursor"],
            turn=lambda cursor: self.page(replace(call, query={**call.query, "cursor": cursor}), kind),
        )


@dataclass(frozen=True, slots=True)
class AsyncTransport:
    """Send calls and let others go on until they are answered."""

    http: httpx2.AsyncClient
    key: str
    retries: int

    async def send(self, call: Call) -> httpx2.Response:
        """Send a call until it is answered; raises ApiError or ConnectionFailedError."""
        tried = 0
        while True:
            try:
                return await self._once(call)
            except TillkeeperError as error:
                error.idempotency_key = call.key
                if not calls.may_repeat(call, tried, self.retries, error):
                    raise
                await asyncio.sleep(calls.pause(tried, error))
            tried += 1

    async def _once(self, call: Call) -> httpx2.Response:
        try:
            answer = await self.http.request(**call.parts(self.key))
        except httpx2.HTTPError as error:
            raise calls.cut_off(error, call) from error
        refused = calls.failed(answer)
        if refused:
            raise refused
        return answer

    async def model(self, call: Call, kind: type[Model]) -> Model:
        """Send a call whose answer is a model."""
        return read(kind, (await self.send(call)).json())

    async def page(self, call: Call, kind: type[Model]) -> AsyncPage[Model]:
        """Send a call whose answer is a page of models."""
        shown: dict[str, Any] = (await self.send(call)).json()
        return AsyncPage(
            data=[read(kind, each) for each in shown["data"]],
            has_more=shown["has_more"],
            next_cursor=shown["next_cursor"],
            turn=lambda cursor: self.page(replace(call, query={**call.query, "cursor": cursor}), kind),
        )
