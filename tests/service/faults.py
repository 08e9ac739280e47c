"""What a service can do wrong, on demand: answer errors, stall, or drop the connection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass
class Fault:
    """Strikes requests until it has struck often enough.

    Attributes:
        method: of the requests it strikes.
        path: regular expression that the whole path, after the API's prefix, must match.
        times: how often; None for ever.
        status: answered in place of the service; None drops the connection instead.
        body: of the answer.
        headers: of the answer.
        when: whether the service sees the request all the same.
    """

    method: str
    path: str
    times: int | None = 1
    status: int | None = None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    when: Literal["instead", "after"] = "instead"
    struck: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request is struck."""
        left = self.times is None or self.struck < self.times
        return left and method == self.method and re.fullmatch(self.path, path) is not None


class Faulty:
    """An application with faults before it.

    Args:
        app: the service.
        prefix: of the paths that faults speak of.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app, self.prefix = app, prefix
        self.faults: list[Fault] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._fault(scope) if scope["type"] == "http" else None
        if fault is None:
            await self.app(scope, receive, send)
            return
        fault.struck += 1
        if fault.when == "after":
            await self.app(scope, receive, _nowhere)
        if fault.status is None:
            receive.__self__.transport.abort()  # type: ignore[attr-defined]  # uvicorn's: no HTTP for this
            return
        await Response(fault.body, fault.status, dict(fault.headers))(scope, receive, send)

    def _fault(self, scope: Scope) -> Fault | None:
        path = scope["path"].removeprefix(self.prefix)
        return next((fault for fault in self.faults if fault.strikes(scope["method"], path)), None)


async def _nowhere(message: object) -> None:
    """Swallow an answer that the client is not to get."""
