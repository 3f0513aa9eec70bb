"""Look inside: what is computed of a picture, and pictures that are none."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

import tlcourse as tl
from tlcourse.widgets import LookInside, assets, inside, look_inside


@pytest.fixture(scope="module")
def backbone():
    return tl.load_backbone("mobilenet_v3_small", weights=None)


@pytest.fixture
def shown(backbone, pets, tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    return LookInside(backbone, tl.replace_head(backbone, pets.classes), pets, offered=1)


def bytes_of(image, form="PNG"):
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def drop(shown, data, name="picture.png"):
    """What the page sends when a file is dropped in."""
    shown.handle({"do": "picture", "name": name}, [memoryview(data)])


def test_top_classes():
    top = inside.top_classes(np.array([0.1, 0.6, 0.1, 0.2]), "abcd", 3)
    assert [row["name"] for row in top] == ["b", "d", "a"]
    assert top[0]["probability"] == 0.6


def test_nearest_is_the_angle_and_not_the_length():
    gallery = np.array([[1.0, 0.0], [0.0, 5.0], [30.0, 30.0], [0.0, 0.0]])
    found = inside.nearest(np.array([0.0, 2.0]), gallery, 3)
    assert [row for row, _ in found] == [1, 2, 0]
    assert found[0][1] == pytest.approx(1) and found[1][1] == pytest.approx(2**-0.5)


def test_strips_show_the_most_varied_channels_first():
    flat, steps = np.zeros((2, 2)), np.array([[0.0, 1.0], [2.0, 3.0]])
    pixels = np.asarray(inside.strip(np.stack([flat, steps]), channels=2))
    assert pixels.shape == (inside.MAP_SIDE, 2 * inside.MAP_SIDE + inside.MAP_GAP, 2)
    grey, opaque = pixels[..., 0], pixels[..., 1]
    half = inside.MAP_SIDE // 2
    assert [grey[0, 0], grey[0, half], grey[half, 0], grey[half, half]] == [0, 85, 170, 255]
    assert (grey[:, inside.MAP_SIDE + inside.MAP_GAP :] == 0).all()
    assert (opaque[:, inside.MAP_SIDE : inside.MAP_SIDE + inside.MAP_GAP] == 0).all()


def test_where_the_answer_comes_from_is_red_and_the_rest_grey(backbone, pets):
    model = tl.replace_head(backbone, pets.classes)
    image = pets.train.image(0)
    name = max(pets.classes, key=lambda c: tl.class_activation_map(model, image, c).max())
    uri = inside.where(model, image, name, 64)
    shown = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")
    redness = np.asarray(shown, int) @ [1, 0, -1]
    assert shown.size == (inside.WHERE_SIDE,) * 2
    assert redness.max() > 60 and redness.min() < 30


def test_a_picture_is_looked_at_as_the_network_does(backbone, pets, shown):
    image = pets.validation.image(0)
    result = shown.results[0]
    assert result["size"] == 64
    probabilities = tl.predict(backbone, [image], size=64)[0]
    assert result["imagenet"] == inside.top_classes(probabilities, backbone.classes)
    assert {row["name"] for row in result["own"]} == set(pets.classes)
    assert [m["name"] for m in result["maps"]] == list(backbone.stage_names)
    assert result["maps"][0]["shape"] == [16, 32, 32]
    kind, _, data = result["maps"][-1]["picture"].partition(",")
    assert kind == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).height == inside.MAP_SIDE


def test_a_training_picture_is_its_own_nearest(backbone, pets, shown):
    shown.add(pets.train.image(5), "one of them")
    nearest = shown.results[shown.selected]["nearest"]
    assert nearest[0]["similarity"] == pytest.approx(1, abs=1e-3)
    assert nearest[0]["thumbnail"] == inside.thumbnail(pets.train.image(5))
    assert nearest[0]["class"] == pets.classes[pets.train.labels[5]]


def test_pictures_offered_are_one_of_each_class_first(backbone, pets):
    shown = LookInside(backbone, data=pets)
    assert [p["name"] for p in shown.pictures] == [f"{name} 1" for name in pets.classes]
    assert all(shown.results) and len(str(shown.results)) < 400_000


def test_looking_changes_neither_network_nor_mode(backbone, pets):
    backbone.train()
    try:
        before = tl.fingerprint(backbone)
        inside.look(backbone, pets.train.image(0), 64)
        assert backbone.training and tl.fingerprint(backbone) == before
    finally:
        backbone.eval()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA", "P"])
def test_a_file_that_is_dropped_in(shown, mode):
    image = Image.new("RGB", (120, 80), (200, 90, 30)).convert(mode)
    drop(shown, bytes_of(image, "TIFF" if mode == "CMYK" else "PNG"), "mine.png")
    assert shown.message == "" and shown.pictures[shown.selected]["name"] == "mine.png"
    assert shown.results[shown.selected]["imagenet"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        bytes_of(Image.new("RGB", (64, 64)))[:60],
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
def test_what_is_no_picture_ends_in_a_message(shown, data):
    count = len(shown.pictures)
    drop(shown, data, "notes.png")
    assert "notes.png" in shown.message and len(shown.pictures) == count
    drop(shown, bytes_of(Image.new("RGB", (64, 64))))
    assert shown.message == "" and len(shown.pictures) == count + 1, "it goes on working"


def test_a_file_that_is_too_large_ends_in_a_message(shown, monkeypatch):
    monkeypatch.setattr(assets, "LARGEST_FILE", 10)
    drop(shown, bytes_of(Image.new("RGB", (64, 64))), "huge.png")
    assert "huge.png is larger" in shown.message
    shown.handle({"do": "picture", "name": "empty"}, [])
    assert "empty" in shown.message


def test_pictures_are_not_kept_without_end(shown):
    for i in range(look_inside.PICTURES + 3):
        shown.add(Image.new("RGB", (40, 40), (10 * i, 0, 0)), f"{i}")
    assert len(shown.pictures) == len(shown.results) == look_inside.PICTURES
    assert shown.pictures[-1]["name"] == f"{look_inside.PICTURES + 2}"
    assert shown.selected == look_inside.PICTURES - 1 and all(shown.results)


def test_a_model_changed_behind_its_back_ends_in_a_message(shown):
    del shown._model.head
    shown.update()
    assert "head" in shown.message


def test_where_no_widget_is_drawn_there_is_a_picture(backbone, shown):
    assert Image.open(io.BytesIO(shown.still())).width > 1000
    data, _ = shown._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]) == shown.still()
    assert LookInside(backbone).still() is None, "there is no picture yet"


def test_it_works_without_a_model_and_without_data(backbone):
    image = Image.new("RGB", (64, 64), (200, 90, 30))
    shown = LookInside(backbone, pictures=[("orange", image)])
    assert set(shown.results[0]) == {"maps", "imagenet", "size"}
    assert LookInside(backbone).pictures == []


def test_what_cannot_be_looked_into_is_refused(backbone, pets):
    model = tl.replace_head(backbone, pets.classes)
    with pytest.raises(look_inside.LookInsideError, match="no 1000-way softmax"):
        LookInside(model)
    with pytest.raises(look_inside.LookInsideError, match="replace_head"):
        LookInside(backbone, backbone)
