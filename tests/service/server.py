"""An application under uvicorn on 127.0.0.1, in a thread of the process that tests it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from tests.service.app import API


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve for as long as the context lasts; gives the server's address."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", lifespan="off", http="h11", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def addresses(root: str) -> dict[str, str]:
    """The environment variables that lead the client to a server; none of them is a credential.

    And one with which it does not tell who calls it, for which it looks through the stack at every request.
    """
    return {
        "QISKIT_IBM_URL": root + API,
        "IAM_URL": root,
        "GLOBAL_SEARCH_URL": root,
        "GLOBAL_CATALOG_URL": root,
        "USAGE_DATA_OPT_OUT": "True",
    }
