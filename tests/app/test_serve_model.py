"""A model is served to this machine only, with the answers of `tlcourse predict`, to many at once.

A real server on a free port, and requests as they come: from elsewhere, too large, too slow, with
no picture, from eight clients at a time.
"""

import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tornado", reason="tornado is not installed")

import tlcourse as tl
from tlcourse.app import serve_model as module
from tlcourse.app.cli import main
from tlcourse.app.serve_model import Answerer, make_application

TOKEN = "secret-of-this-test"
SENT = {"Authorization": f"Bearer {TOKEN}"}


def encoded(seed, form="PNG", size=(60, 50)):
    noise = np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, form)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    model = tl.replace_head(tl.load_backbone("resnet18", weights=None), ("cat", "dog & <b>"))
    model.image_size, model.temperature = 64, 0.3
    return tl.save_model(model.eval(), tmp_path_factory.mktemp("out") / "model.safetensors")


@pytest.fixture(scope="module")
def answerer(model_file):
    answerer = Answerer(tl.load_model(model_file), not_sure=0.6, device="cpu")
    yield answerer
    answerer.close()


@pytest.fixture
def port(started, answerer):
    return started(make_application(answerer, TOKEN, 1))


def request(port, path="/predict", body=None, headers=SENT, method=None):
    """Send a request; returns status, headers and body, JSON where it is that."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method or ("POST" if body is not None else "GET"), path, body, headers)
        answer = connection.getresponse()
        found = answer.read()
    finally:
        connection.close()
    is_json = answer.getheader("Content-Type") == "application/json"
    return answer.status, dict(answer.getheaders()), json.loads(found) if is_json else found


def test_the_answers_are_those_of_predict(port, model_file, tmp_path, capsys):
    for seed in range(12):
        (tmp_path / f"{seed:02}.png").write_bytes(encoded(seed))
    table = str(tmp_path / "o.csv")
    words = [str(model_file), str(tmp_path / "*.png"), "--csv", table, "--not-sure", "0.6"]
    assert main(["predict", *words]) == 0
    lines = (tmp_path / "o.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert len(lines) == 12
    for line in lines:
        file, said, sure, *numbers, _ = line.split(",")
        with open(file, "rb") as picture:
            status, _, found = request(port, body=picture.read())
        assert status == 200 and found["answer"] == said
        assert found["probability"] == pytest.approx(float(sure), abs=1e-4)
        expected = list(map(float, numbers))
        assert list(found["probabilities"].values()) == pytest.approx(expected, abs=1e-4)
    assert {line.split(",")[1] for line in lines} > {"not sure"}, "both kinds were compared"


def test_the_page_and_what_it_is_made_of(port):
    status, headers, page = request(port, "/")
    assert status == 200 and b"cat or dog &amp; &lt;b&gt;?" in page and b"60% or more" in page
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    for path in re.findall(rb'(?:href|src)="([\w.]+)"', page):
        assert request(port, "/" + path.decode())[0] == 200
    about = request(port, "/model")[2]
    assert about["classes"] == ["cat", "dog & <b>"] and about["preprocess"]["size"] == 64


@pytest.mark.parametrize(
    "wrong",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Host": "["},
        {"Authorization": ""},
        {"Authorization": "Bearer guess"},
        {"Authorization": "", "Cookie": "tlcourse-1=guess"},
    ],
)
def test_others_get_nothing(port, wrong, answerer, monkeypatch):
    asked = []
    monkeypatch.setattr(answerer, "ask", asked.append)
    for path, body in (("/", None), ("/model", None), ("/predict", encoded(0))):
        status, _, found = request(port, path, body, SENT | wrong)
        assert status == 403
        assert path == "/" or "token" in found["error"]
    assert not asked


def test_the_page_itself_may_ask(port):
    own = {"Cookie": f"tlcourse-1={TOKEN}", "Origin": f"http://127.0.0.1:{port}"}
    assert request(port, body=encoded(0), headers=own)[0] == 200
    status, headers, _ = request(port, f"/?token={TOKEN}", headers={})
    assert status == 302 and TOKEN not in headers["Location"]
    assert "HttpOnly" in headers["Set-Cookie"] and "SameSite=Strict" in headers["Set-Cookie"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_huge_body_is_refused_in_json(port, monkeypatch, chunked):
    monkeypatch.setattr(module, "LARGEST", 3_000_000)
    parts = (b"\0" * 500_000 for _ in range(9))
    body = parts if chunked else b"".join(parts)
    status, _, found = request(port, body=body)
    assert status == 413 and found["error"] == "a picture file may have 3 MB; save a smaller copy"
    assert request(port, body=encoded(0))[0] == 200, "it goes on serving"


@pytest.mark.parametrize("digits", [15, 5000])
def test_a_length_beyond_all_measure(port, digits):
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        length = b"9" * digits
        connection.sendall(head.encode() + b"Content-Length: %b\r\n\r\n" % length + b"x" * 100)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
    assert request(port, body=encoded(0))[0] == 200


def test_a_picture_of_several_megabytes(port):
    picture = encoded(0, "BMP", (1500, 1400))
    assert len(picture) > 6_000_000
    assert request(port, body=picture)[0] == 200


@pytest.mark.parametrize("slow", [b"X-Never: ends", b"Content-Length: 10\r\n\r\nabc"])
def test_a_slow_client_is_let_go(port, slow):
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        connection.sendall(head.encode() + slow)
        assert connection.recv(65536) == b""
    assert time.monotonic() - began < 15
    assert request(port, body=encoded(0))[0] == 200


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is empty"),
        (b"no picture", "is not a picture"),
        (encoded(1)[:900], "is cut short or damaged"),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + bytes(3000), "HEIC"),
    ],
)
def test_what_is_no_picture_is_answered_with_the_reason(port, body, why):
    status, _, found = request(port, body=body)
    assert status == 422 and why in found["error"] and "Traceback" not in found["error"]
    assert "/" not in found["error"].split(";")[0].replace("HEIC/HEIF", ""), "no path of the server"


def test_a_form_is_answered_with_what_to_send(port):
    headers = SENT | {"Content-Type": "multipart/form-data; boundary=x"}
    status, _, found = request(port, body=b"--x\r\n" + encoded(0), headers=headers)
    assert status == 415 and "--data-binary" in found["error"]


def test_a_question_that_is_none(port):
    status, _, found = request(port, "/predict")
    assert status == 405 and "POST" in found["error"]
    assert request(port, "/elsewhere")[0] == 404


def test_eight_clients_at_once_in_flat_memory(port):
    psutil = pytest.importorskip("psutil", reason="psutil is not installed")
    pictures = [encoded(seed, "BMP", (400, 500)) for seed in range(20)]
    alone = [request(port, body=picture)[2]["probabilities"] for picture in pictures]

    def client(_):
        return [request(port, body=picture) for picture in pictures]

    process, peaks = psutil.Process(), []
    for _ in range(3):
        with ThreadPoolExecutor(8) as clients:
            for answers in clients.map(client, range(8)):
                assert [status for status, _, _ in answers] == [200] * 20
                for (_, _, found), expected in zip(answers, alone, strict=True):
                    assert found["probabilities"] == pytest.approx(expected, abs=1e-4)
        peaks.append(process.memory_info().rss)
    assert peaks[-1] - peaks[0] < 8 * 20 * len(pictures[0]) / 4


def test_while_one_waits_the_page_is_served(port, answerer, monkeypatch):
    held, let_go = threading.Event(), threading.Event()
    predictor = answerer.predictor

    def slowly(pictures):
        held.set()
        let_go.wait(20)
        return predictor(pictures)

    monkeypatch.setattr(answerer, "predictor", slowly)
    with ThreadPoolExecutor(1) as clients:
        waiting = clients.submit(request, port, body=encoded(0))
        assert held.wait(20)
        assert request(port, "/")[0] == 200
        let_go.set()
        assert waiting.result()[0] == 200


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as Unix does")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_from_the_command_line_and_ends_with_ctrl_c(model_file, number):
    command = [sys.executable, "-m", "tlcourse", "serve", str(model_file.parent), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--no-browser", "--device", "cpu"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        # Where these tests run in the background, Ctrl-C is ignored, and so it would be here.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        line = process.stdout.readline()
        port, token = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]+)", line).groups()
        sent = {"Authorization": f"Bearer {token}"}
        status, _, found = request(int(port), body=encoded(3), headers=sent)
        assert status == 200 and set(found["probabilities"]) == {"cat", "dog & <b>"}
        with ThreadPoolExecutor(1) as clients:  # one is being answered while it ends
            large = encoded(3, "BMP", (2000, 2000))
            clients.submit(request, int(port), body=large, headers=sent)
            time.sleep(0.05)
            process.send_signal(number)
            rest, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in (0, 130) and "Traceback" not in rest
    assert "Stopped." in rest or "Interrupted." in rest


def test_what_is_no_model_and_a_taken_port(model_file, tmp_path, port, capsys):
    assert main(["serve", str(tmp_path), "--no-browser"]) == 2
    assert "give the folder that tlcourse train wrote" in capsys.readouterr().err
    assert main(["serve", str(model_file), "--no-browser", "--port", str(port)]) == 2
    assert f"port {port}" in capsys.readouterr().err
