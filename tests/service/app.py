"""A service on the loopback that answers `qiskit_ibm_runtime` as IBM Quantum does; it is not IBM's.

Paths, bodies and states are those that the client's source asks for and reads (`api/`, `accounts/`,
`qiskit_runtime_service.py`, `runtime_job_v2.py`), for one account with one instance.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from qiskit_ibm_runtime.json import RuntimeDecoder
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backends.devices.device import load_device
from tests.service.execution import Chip
from tests.service.faults import Fault, Faulty

API = "/experimental/api/v1"
"""The client takes an address with this word in it as it is; from any other it makes names of IBM's hosts."""

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/0123456789abcdef:loopback-instance::"
INSTANCE = "loopback"
PLAN = "plan-of-the-loopback"

MAX_SECONDS = 10800
"""QPU time of a job that asks for no limit."""

FINAL = ("Completed", "Failed", "Cancelled")

_SIGNING_KEY = "of the loopback's access tokens, which nobody checks"


@dataclass
class Device:
    """What the service says of one of its devices.

    Attributes:
        recorded: the `fake_*` device whose records it has.
        queue: jobs waiting.
        status: as its page says; the client warns of any but `active`.
        calibrated: when, in ISO 8601; None for when it was recorded.
    """

    recorded: str
    queue: int = 0
    status: str = "active"
    calibrated: str | None = None

    def __post_init__(self) -> None:
        self._fake = load_device(self.recorded)
        self.num_qubits = self._fake.num_qubits
        self.chip = Chip(self._fake)

    def record(self, kind: str, name: str) -> dict[str, Any]:
        """Its ``conf`` or ``props`` as they were recorded."""
        path = Path(self._fake.dirname) / getattr(self._fake, f"{kind}_filename")
        changed = {"backend_name": name}
        if kind == "props" and self.calibrated is not None:
            changed["last_update_date"] = self.calibrated
        return {**json.loads(path.read_text(encoding="utf-8")), **changed}


@dataclass
class Job:
    """A job.

    Attributes:
        request: the body that submitted it.
        state: in the service's words; moves on with every look until it is final.
        reason: of a failure.
        reason_code: the same as a number.
        result: what answers for the program's result in its stead.
        seconds: of QPU time that it is charged; None as long as that is not known.
    """

    id: str
    request: dict[str, Any]
    state: str = "Queued"
    reason: str | None = None
    reason_code: int | None = None
    result: str | None = None
    seconds: float | None = 3.0
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def tags(self) -> list[str]:
        return self.request.get("tags", [])

    def go_on(self) -> None:
        """A step towards its end, which stops it if it takes longer than it may."""
        self.state = {"Queued": "Running", "Running": "Completed"}.get(self.state, self.state)
        if self.state == "Completed" and (self.seconds or 0) > self.request.get("cost", MAX_SECONDS):
            self.end("Cancelled", "Job exceeded its maximum execution time", 1305)

    def end(self, state: str, reason: str | None = None, code: int | None = None) -> None:
        """Let it end so."""
        self.state, self.reason, self.reason_code = state, reason, code

    def document(self) -> dict[str, Any]:
        """What the service says of it."""
        state = {"status": self.state, "reason": self.reason, "reasonCode": self.reason_code}
        return {
            "id": self.id,
            "backend": self.request["backend"],
            "program": {"id": self.request["program_id"]},
            "state": {key: value for key, value in state.items() if value is not None},
            "status": self.state,
            "tags": self.tags,
            "created": self.created,
            "session_id": self.request.get("session_id"),
            "cost": self.request.get("cost"),
        }


class Refused(Exception):
    """Ends a request with an error in the service's form."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.response = JSONResponse({"errors": [{"code": code, "message": message}]}, status)


class Service:
    """The service's state and its answers; `app` is the application.

    Attributes:
        token: the one API key that it knows.
        devices: by name.
        jobs: every job that was ever made, by id.
        sessions: batches and sessions, by id.
        seed: of the noise of every job.
        on_submit: called with each new job before the client hears of it.
        access_tokens: those in force.
        issued: every access token that was ever given out.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.devices = {
            "ibm_manila": Device("fake_manila", queue=3),
            "ibm_guadalupe": Device("fake_guadalupe", queue=8),
        }
        self.app = Faulty(Starlette(routes=self._routes()), API)
        self.reset()

    def reset(self) -> None:
        """Forget what happened."""
        self.jobs: dict[str, Job] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.seed = 0
        self.on_submit: Callable[[Job], None] = lambda job: None
        self.access_tokens: set[str] = set()
        self.issued: set[str] = set()
        self.app.faults.clear()
        for device in self.devices.values():
            device.status, device.calibrated = "active", None
        self._numbers = itertools.count()

    def fault(self, method: str, path: str, **what: Any) -> Fault:
        """Let requests go wrong; see `faults.Fault`."""
        self.app.faults.append(Fault(method, path, **what))
        return self.app.faults[-1]

    def _routes(self) -> list[Route]:
        account = [
            ("POST", "/identity/token", self.identity),
            ("POST", "/v3/resources/search", self.search),
            ("GET", "/{plan}", self.plan),
        ]
        api = [
            ("GET", "/instances/usage", self.usage),
            ("GET", "/backends", self.backends),
            ("GET", "/backends/{name}/{what}", self.backend),
            ("POST", "/sessions", self.open_session),
            ("PATCH", "/sessions/{name}", self.close_session),
            ("GET", "/jobs", self.list_jobs),
            ("POST", "/jobs", self.submit),
            ("GET", "/jobs/{id}", self.job),
            ("GET", "/jobs/{id}/results", self.results),
            ("GET", "/jobs/{id}/metrics", self.metrics),
            ("POST", "/jobs/{id}/cancel", self.cancel),
        ]
        return [
            *[Route(API + path, self._endpoint(answer, True), methods=[verb]) for verb, path, answer in api],
            *[Route(path, self._endpoint(answer, False), methods=[verb]) for verb, path, answer in account],
        ]

    def _endpoint(self, answer: Callable[[Request, bytes], Response], guarded: bool) -> Any:
        async def endpoint(request: Request) -> Response:
            try:
                if guarded:
                    self._admit(request)
                return await run_in_threadpool(answer, request, await request.body())
            except Refused as refused:
                return refused.response

        return endpoint

    def _admit(self, request: Request) -> None:
        authorization = request.headers.get("authorization", "")
        if authorization.removeprefix("Bearer ") not in self.access_tokens:
            # Worse than IBM's, which does not say what it was sent.
            raise Refused(401, 1200, f"You are not authorized to perform this action: {authorization}")
        if request.headers.get("service-crn") != CRN:
            raise Refused(404, 1001, "Instance not found")

    # Account: identity, instances and plans.

    def identity(self, request: Request, body: bytes) -> Response:
        if parse_qs(body.decode()).get("apikey") != [self.token]:
            said = {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."}
            return JSONResponse(said, 400)
        now = int(time.time())
        claims = {"iat": now, "exp": now + 3600, "jti": str(next(self._numbers))}
        token = jwt.encode(claims, _SIGNING_KEY, algorithm="HS256")
        self.access_tokens.add(token)
        self.issued.add(token)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def search(self, request: Request, body: bytes) -> Response:
        found = {
            "crn": CRN,
            "name": INSTANCE,
            "service_plan_unique_id": PLAN,
            "doc": {"extensions": {"allocations": 1}},
            "tags": [],
        }
        return JSONResponse({"items": [found], "limit": 100})

    def plan(self, request: Request, body: bytes) -> Response:
        plan = {"overview_ui": {"en": {"display_name": "Open"}}, "metadata": {"pricing": {"type": "free"}}}
        return JSONResponse(plan)

    # Devices.

    def usage(self, request: Request, body: bytes) -> Response:
        spent = sum(job.seconds or 0 for job in self.jobs.values())
        return JSONResponse({"usage_consumed_seconds": spent, "usage_limit_seconds": 600})

    def backends(self, request: Request, body: bytes) -> Response:
        listed = [
            {
                "name": name,
                "status": {"name": "online" if device.status == "active" else "paused"},
                "is_simulator": False,
                "qubits": device.num_qubits,
                "queue_length": device.queue,
            }
            for name, device in self.devices.items()
        ]
        return JSONResponse({"devices": listed})

    def backend(self, request: Request, body: bytes) -> Response:
        name, what = request.path_params["name"], request.path_params["what"]
        device = self._device(name)
        if what == "status":
            return JSONResponse({"state": True, "status": device.status, "length_queue": device.queue})
        return JSONResponse(device.record({"configuration": "conf", "properties": "props"}[what], name))

    def _device(self, name: str) -> Device:
        if name not in self.devices:
            raise Refused(404, 1007, "Backend not found")
        return self.devices[name]

    # Batches and sessions.

    def open_session(self, request: Request, body: bytes) -> Response:
        name = f"session-{next(self._numbers)}"
        self.sessions[name] = {"id": name, "state": "open", "accepting_jobs": True, **json.loads(body)}
        return JSONResponse(self.sessions[name], 201)

    def close_session(self, request: Request, body: bytes) -> Response:
        self.sessions[request.path_params["name"]].update(json.loads(body))
        return Response(status_code=204)

    # Jobs.

    def submit(self, request: Request, body: bytes) -> Response:
        asked = json.loads(body, cls=RuntimeDecoder)
        self._device(asked["backend"])
        session = asked.get("session_id")
        if session is not None and not self.sessions[session]["accepting_jobs"]:
            raise Refused(400, 1217, "Session has been closed.")
        job = Job(f"job-{next(self._numbers)}", asked)
        self.jobs[job.id] = job
        self.on_submit(job)
        return JSONResponse({"id": job.id, "backend": asked["backend"]})

    def list_jobs(self, request: Request, body: bytes) -> Response:
        query = request.query_params
        wanted, offset = set(query.getlist("tags")), int(query.get("offset", 0))
        found = [job.document() for job in reversed(self.jobs.values()) if wanted <= set(job.tags)]
        page = found[offset : offset + int(query.get("limit", 20))]
        return JSONResponse({"jobs": page, "count": len(found), "offset": offset})

    def job(self, request: Request, body: bytes) -> Response:
        job = self._job(request)
        job.go_on()
        return JSONResponse(job.document())

    def results(self, request: Request, body: bytes) -> Response:
        job = self._job(request)
        if job.state != "Completed":
            return Response(job.reason or "")
        with job.lock:
            if job.result is None:
                chip = self._device(job.request["backend"]).chip
                job.result = chip.run(job.request["params"], self.seed)
        return Response(job.result)

    def metrics(self, request: Request, body: bytes) -> Response:
        job = self._job(request)
        usage: dict[str, Any] = {"status": "pending"}
        if job.state in FINAL and job.seconds is not None:
            usage = {"status": "completed", "qpu_charge_time_seconds": job.seconds}
        return JSONResponse({"timestamps": {"created": job.created}, "usage": usage})

    def cancel(self, request: Request, body: bytes) -> Response:
        job = self._job(request)
        if job.state in FINAL:
            raise Refused(409, 1226, "The job has ended and cannot be cancelled")
        job.seconds = 0.0
        job.end("Cancelled")
        return Response(status_code=204)

    def _job(self, request: Request) -> Job:
        name = request.path_params["id"]
        if name not in self.jobs:
            raise Refused(404, 1291, "Job not found")
        return self.jobs[name]
