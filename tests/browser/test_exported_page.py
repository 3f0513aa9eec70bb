"""The page of an exported model in Chromium: it answers as Python and ONNX Runtime do."""

import base64
import io
import json

import numpy as np
import onnxruntime
import pytest
import torch
from pictures import make_pictures
from PIL import Image
from test_teach_page import file_of, watch_console

import tlcourse as tl
from tlcourse.app.cli import main
from tlcourse.data.drawn.pets import draw_pet
from tlcourse.data.photo import decode_photo
from tlcourse.networks.preprocess import Preprocess

CLASSES = ("misty", "neither", "tigger")
# Largest difference of a probability. The page decodes and resizes by itself, and does so exactly;
# Python reads large JPEG files, and no others, at a half or a quarter of their size.
EXACT, READ_SMALLER = 1e-3, 0.05


@pytest.fixture(scope="module", params=["linear_probe", "finetune_all"])
def exported(request, browser_runtime, tmp_path_factory):
    """A folder with the model that `tlcourse train` made, and with what `tlcourse export` did."""
    folder = tmp_path_factory.mktemp(request.param)
    for i in range(30):
        kind = ("tigger", "misty", "neither")[i % 3]
        (folder / "photos" / kind).mkdir(parents=True, exist_ok=True)
        draw_pet(i % 3, i, size=128).save(folder / "photos" / kind / f"{i}.png")
    about = ["--strategy", request.param, "--size", "96", "--epochs", "3", "--device", "cpu"]
    assert main(["train", str(folder / "photos"), "--out", str(folder / "model"), *about]) == 0
    assert main(["export", str(folder / "model")]) == 0
    return folder / "model"


@pytest.fixture
def shown(page, exported):
    watch_console(page)
    page.goto((exported / "export" / "index.html").as_uri())
    return page


def by_runtime(folder, files):
    """Probabilities of ONNX Runtime, from what the file says of itself alone."""
    path = folder / "export" / "model.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"]) == list(CLASSES)
    preprocess = Preprocess(**json.loads(about["preprocess"]))
    rows = []
    for name, _, data in files:
        picture = decode_photo(data, name, at_least=preprocess.at_least)
        (logits,) = session.run(["logits"], {"pictures": preprocess(picture)[None].numpy()})
        rows.append(torch.from_numpy(logits).softmax(1).numpy()[0])
    return np.array(rows)


def by_page(page, files):
    """Probabilities, the answer in words and what is complained of, for each file."""
    return [
        page.evaluate(
            """async ([text, type]) => {
                const blob = await (await fetch(`data:${type};base64,${text}`)).blob();
                await window.exported.ask(blob);
                return [[...window.exported.probabilities],
                    document.querySelector(".verdict").textContent,
                    document.querySelector(".problem").textContent];
            }""",
            [base64.b64encode(data).decode("ascii"), kind],
        )
        for _, kind, data in files
    ]


@pytest.mark.slow
def test_python_onnx_runtime_and_the_page_say_the_same(shown, exported, tmp_path):
    files = make_pictures()
    assert len(files) >= 50
    for name, _, data in files:
        (tmp_path / name).write_bytes(data)
    model = tl.load_model(exported / "model.safetensors")
    whole = tl.predict(model, [Image.open(tmp_path / name) for name, _, _ in files])
    by_path = tl.predict(model, [tmp_path / name for name, _, _ in files])
    assert len(set(whole.argmax(1))) > 1, "the pictures do not all get one answer"
    answers = by_page(shown, files)
    in_page = np.array([probabilities for probabilities, _, _ in answers])
    off = {
        "ONNX Runtime": (np.abs(by_runtime(exported, files) - by_path).max(1), EXACT),
        "the page": (np.abs(in_page - whole).max(1), EXACT),
        "the page, large JPEG files": (np.abs(in_page - by_path).max(1), READ_SMALLER),
    }
    for where, (values, within) in off.items():
        print(f"{where}: largest difference of a probability {values.max():.5f}")
        assert not [(files[i][0], values[i]) for i in np.flatnonzero(values > within)]
    for (name, _, _), row, (_, verdict, problem) in zip(files, whole, answers, strict=True):
        assert (verdict, problem) == (CLASSES[row.argmax()], ""), name
    assert shown.errors == [] and shown.strangers == []
