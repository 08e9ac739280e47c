"""The real client of the Hub pushes to a server on the loopback, which keeps what it is sent."""

from __future__ import annotations

import base64
import json
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from qvunet.weights.finding import weights_folder
from tests.scripts.commands import SCRIPTS
from tests.service.server import serving

NAME = "digits-latent-fqconv"
TOKEN = "hf_plantedtoken0123456789"


class Hub:
    """Repositories and commits as the Hub's client sends them: small files as base64 within a commit."""

    def __init__(self) -> None:
        self.created: list[dict[str, object]] = []
        self.files: dict[str, bytes] = {}
        self.app = Starlette(
            routes=[
                Route("/api/repos/create", self.create, methods=["POST"]),
                Route("/api/validate-yaml", self.validate, methods=["POST"]),
                Route("/api/models/{user}/{name}/preupload/main", self.preupload, methods=["POST"]),
                Route("/api/models/{user}/{name}/commit/main", self.commit, methods=["POST"]),
            ]
        )

    async def create(self, request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"error": "Invalid credentials"}, status_code=401)
        self.created.append(await request.json())
        return JSONResponse({"url": f"{request.base_url}me/net"})

    async def validate(self, request: Request) -> JSONResponse:
        metadata = (await request.json())["content"].split("---")[1]
        assert yaml.safe_load(metadata)["library_name"]
        return JSONResponse({"errors": [], "warnings": []})

    async def preupload(self, request: Request) -> JSONResponse:
        sent = (await request.json())["files"]
        files = [{"path": each["path"], "uploadMode": "regular", "shouldIgnore": False} for each in sent]
        return JSONResponse({"files": files})

    async def commit(self, request: Request) -> JSONResponse:
        for line in (await request.body()).splitlines():
            item = json.loads(line)
            if item["key"] == "file":
                self.files[item["value"]["path"]] = base64.b64decode(item["value"]["content"])
        return JSONResponse({"commitUrl": f"{request.base_url}me/net/commit/0123", "commitOid": "0123"})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    hub = Hub()
    with serving(hub.app) as address:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
        monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


@pytest.fixture
def push(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["push_weights.py", *arguments])
        with pytest.raises(SystemExit) as stopped:
            runpy.run_path(str(SCRIPTS / "push_weights.py"), run_name="__main__")
        return int(stopped.value.code or 0)

    return run


def test_a_folder_arrives_whole(hub, push, capsys):
    assert push(NAME, "--repo", "me/net", "--private") == 0
    folder = weights_folder(NAME)
    expected = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert hub.files == expected
    assert hub.created[0]["name"] == "net"
    assert hub.created[0]["visibility"] == "private"
    assert "/me/net" in capsys.readouterr().out.splitlines()[-1]


def test_a_dry_run_sends_nothing(hub, push, capsys):
    assert push(NAME, "--repo", "me/net", "--dry-run") == 0
    assert not hub.created
    assert not hub.files
    assert "diffusion_pytorch_model.safetensors" in capsys.readouterr().out


def test_a_wrong_token_is_not_told(hub, push, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrongtoken9876543210")
    assert push(NAME, "--repo", "me/net") == 2
    told = "".join(capsys.readouterr())
    assert "me/net could not be pushed" in told
    assert "hf_wrongtoken" not in told
    assert not hub.files


def test_without_login(hub, push, capsys, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert push(NAME, "--repo", "me/net") == 2
    assert "hf auth login" in capsys.readouterr().err


def test_a_folder_without_a_card(hub, push, capsys, tmp_path):
    assert push(str(tmp_path), "--repo", "me/net") == 2
    assert "README.md" in capsys.readouterr().err


def test_an_unknown_name(hub, push, capsys):
    assert push("no-such-net", "--repo", "me/net") == 2
    assert NAME in capsys.readouterr().err


def test_no_connection(hub, push, capsys, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    assert push(NAME, "--repo", "me/net") == 2
    assert "me/net could not be pushed" in capsys.readouterr().err
