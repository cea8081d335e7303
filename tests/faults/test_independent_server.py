"""The same room against a llama.cpp server that is not ours, by a base URL that an administrator enters."""

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.practice import PracticeModel, weights
from tests.serving import Site, Visitor, form_token, free_port, site, stored_messages, until

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

SERVER = """
import sys, time
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_ctx, params.n_parallel = sys.argv[1], int(sys.argv[2]), 4096, 2
params.model_alias, params.cpuparams.n_threads = "somebody-elses-model", 1
server = xllamacpp.Server(params)
print("up", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def llama() -> Iterator[int]:
    """A llama.cpp server with its own settings, and no key."""
    if PracticeModel.reason():
        pytest.skip(PracticeModel.reason())
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(weights.installed()), str(port)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        until(lambda: models(port), seconds=60)
        yield port
    finally:
        process.kill()
        process.communicate()


def models(port: int) -> list[str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=2) as answer:
            return [row["id"] for row in json.loads(answer.read())["data"]]
    except OSError:
        return []


def add_provider(ada: Visitor, port: int) -> str:
    """Fill the admin's forms as a person would; returns the new model's id in the room's list."""
    _, page, _ = ada.open("/admin/providers/providerconfig/add/")
    fields = hidden_and_chosen(page) | {
        "kind": "openai_compatible",
        "label": "Server downstairs",
        "base_url": f"http://127.0.0.1:{port}",
        "allow_local": "on",
        "enabled": "on",
    }
    status, page, _ = ada.open("/admin/providers/providerconfig/add/", fields)
    assert status == 302, page[-3000:]
    _, page, _ = ada.open("/admin/providers/aimodel/add/")
    provider = re.search(r'<option value="(\d+)"[^>]*>Server downstairs', page)
    assert provider, page[-3000:]
    fields = hidden_and_chosen(page) | {
        "provider": provider[1],
        "model_id": "somebody-elses-model",
        "enabled": "on",
        "context": "2048",
        "max_output": "60",
    }
    status, page, _ = ada.open("/admin/providers/aimodel/add/", fields)
    assert status == 302, page[-3000:]
    _, page, _ = ada.open("/new/")
    model = re.search(r'<option value="(\d+)"[^>]*>[^<]*somebody-elses-model', page)
    assert model, page[-3000:]
    return model[1]


def hidden_and_chosen(page: str) -> dict[str, str]:
    """What a browser would send of an untouched form."""
    values = {"csrfmiddlewaretoken": form_token(page)}
    for tag in re.findall(r"<input[^>]*>", page):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        kind = re.search(r'type="([^"]+)"', tag)
        if name and value and kind and kind[1] in {"hidden", "number", "text"}:
            values.setdefault(name[1], value[1])
    for name, options in re.findall(r'<select name="([^"]+)"(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        if chosen:
            values.setdefault(name, chosen[1])
    return values


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path / "var") as started:
        yield started


def test_a_room_on_somebody_elses_server(running: Site, llama: int) -> None:
    ada = Visitor(running)
    ada.found_site()
    model = add_provider(ada, llama)
    _, page, _ = ada.open("/new/")
    personas = re.findall(r'name="personas" value="(\d+)"', page)[:2]
    choice = {f"model_{one}": model for one in personas}
    data = {"csrfmiddlewaretoken": form_token(page), "personas": personas, "policy": "everyone", **choice}
    _, body, headers = ada.open("/new/", data)
    room = re.search(r"/c/([^/]+)/", headers.get("Location", ""))
    assert room, body[-2000:]
    ada.open(f"/c/{room[1]}/")
    assert ada.send(f"/c/{room[1]}/messages/", {"text": "Is a hot dog a sandwich?"})[0] == 204
    until(lambda: [row["state"] for row in stored_messages(running, room[1])] == ["complete"] * 3, seconds=120)
    assert all(row["text"] for row in stored_messages(running, room[1]))
