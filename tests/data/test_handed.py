"""Whatever is handed over as pictures is taken for what it is meant to be, or explained."""

import numpy as np
import pytest
import torch
from painted import fill
from PIL import Image
from torch.utils.data import DataLoader, Subset, TensorDataset
from torchvision.datasets import DatasetFolder, ImageFolder
from torchvision.transforms import Compose, Resize, ToTensor

from tlcourse.data.catalog import load_dataset
from tlcourse.data.handed import as_picture, each_picture, from_torch, image_set, splits_only
from tlcourse.data.photo import PhotoError
from tlcourse.data.sets import DatasetError

RED = Image.new("RGB", (9, 6), (200, 30, 20))


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path / "pets", {"cat": 10, "dog": 10})
    return tmp_path / "pets"


@pytest.mark.parametrize(
    "thing",
    [
        RED,
        np.asarray(RED),
        np.asarray(RED) / 255,
        torch.from_numpy(np.asarray(RED).copy()).permute(2, 0, 1),
        RED.convert("RGBA"),
    ],
)
def test_one_picture_in_any_form(thing):
    assert as_picture(thing).tobytes() == RED.tobytes()


@pytest.mark.parametrize(
    "thing, word",
    [
        (np.zeros((2, 2, 5)), "shape"),
        (np.full((4, 4), -1.0), "normalised"),
        (None, "not None"),
        ({"a": 1}, "dict"),
    ],
)
def test_what_is_no_picture(thing, word):
    with pytest.raises(DatasetError, match=word):
        as_picture(thing)


def test_one_some_and_a_folder_of_pictures(folder):
    file = folder / "cat" / "000.png"
    one = Image.open(file).convert("RGB").tobytes()
    for things in (file, str(file), [file], Image.open(file), [Image.open(file)]):
        assert [picture.tobytes() for picture in each_picture(things)] == [one]
    assert len(list(each_picture(folder))) == 20
    batch = np.zeros((3, 8, 8, 3), np.uint8)
    assert len(list(each_picture(batch))) == 3
    with pytest.raises(PhotoError, match="gone.png"):
        list(each_picture([folder / "gone.png"]))


def test_an_image_folder_is_divided_like_a_folder(folder):
    (folder / "cat" / "empty.png").touch()
    dataset = ImageFolder(folder, transform=ToTensor())
    with pytest.warns(UserWarning, match="empty.png"):
        data = load_dataset(dataset, test_per_class=2)
    assert data.classes == ("cat", "dog") and len(data.problems) == 1
    assert [len(part) for part in (data.train, data.validation, data.test)] == [12, 4, 4]
    names = {data.test.name(i) for i in range(4)}
    assert names <= {f"{label}/{i:03d}.png" for label in ("cat", "dog") for i in range(10)}


def test_a_part_of_an_image_folder(folder):
    part = Subset(Subset(ImageFolder(folder), range(0, 20, 2)), range(1, 10))
    data = load_dataset(part, fractions=(0.5, 0.5, 0))
    found = {s.name(i) for s in (data.train, data.validation) for i in range(len(s))}
    assert found == {
        f"{label}/{i:03d}.png" for label in ("cat", "dog") for i in range(0, 10, 2)
    } - {"cat/000.png"}


def test_an_image_folder_is_read_without_its_transforms(folder):
    dataset = Subset(ImageFolder(folder, transform=Compose([Resize(5), ToTensor()])), [3, 11])
    images = image_set(dataset, "evaluate")
    assert [images.name(i) for i in range(2)] == ["cat/003.png", "dog/001.png"]
    assert images.labels.tolist() == [0, 1]
    assert images.image(0).size == Image.open(folder / "cat" / "003.png").size != (5, 5)


def test_a_folder_of_arrays_is_read_by_its_own_loader(tmp_path):
    for name, value in (("a", 0.25), ("b", 0.75)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "x.npy", np.full((4, 4, 3), value))
    images = from_torch(DatasetFolder(tmp_path, np.load, extensions=(".npy",)))
    assert np.asarray(images.image(1)).max() == round(0.75 * 255)


class Drawn(torch.utils.data.Dataset):
    """Pairs of a tensor from 0 to 1 and a class, as many people write them."""

    classes = ("dark", "light")

    def __len__(self):
        return 12

    def __getitem__(self, i):
        torch.manual_seed(i)
        return torch.rand(3, 8, 8) / 2 + (i % 2) / 2, i % 2


def test_a_data_set_of_ones_own():
    data = load_dataset(Drawn(), size=32)
    assert data.classes == ("dark", "light") and data.train.image_size == 32
    assert sum(len(part) for part in (data.train, data.validation, data.test)) == 12
    for image, label in data.train:
        assert (np.asarray(image).mean() > 127) == label
    assert from_torch(Subset(Drawn(), [3, 4])).labels.tolist() == [1, 0]


def test_options_of_a_data_set_of_ones_own():
    data = load_dataset(Drawn(), fractions=(0.5, 0.5, 0))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [6, 6, 0]
    with pytest.raises(DatasetError, match="fractions"):
        load_dataset(Drawn(), fractions=(1, 1, 1))
    for option in ({"group_by": "x"}, {"val_folder": "test"}, {"split_folders": {}}):
        with pytest.raises(DatasetError, match=f"this Drawn takes no {[*option][0]}"):
            load_dataset(Drawn(), **option)


def test_data_sets_that_cannot_be_used():
    with pytest.raises(DatasetError, match="does not name its classes"):
        load_dataset(TensorDataset(torch.zeros(4, 3, 8, 8), torch.zeros(4)))


def test_what_to_give_instead(folder):
    data = load_dataset(folder)
    loader = DataLoader(data.train)
    for thing, word in ((data, "data.test"), (str(folder), "tl.load_dataset"), (loader, "loader")):
        with pytest.raises(DatasetError, match=word):
            image_set(thing, "evaluate")
    for thing, word in (
        (data.train, "not data.train"),
        (folder, "tl.load_dataset"),
        (loader, "loader.dataset"),
        (ImageFolder(folder), "of this ImageFolder"),
        (None, "NoneType"),
    ):
        with pytest.raises(DatasetError, match=word):
            splits_only(thing, "fit")
    assert image_set(data.test, "evaluate") is data.test
    assert len(image_set(ImageFolder(folder), "evaluate")) == 20
    for thing in (data, loader):
        with pytest.raises(DatasetError, match="predict takes pictures"):
            list(each_picture(thing))


@pytest.mark.parametrize("shape", [(0, 0), (0, 40, 3), (40, 0)])
def test_a_picture_without_pixels_is_none(shape):
    for dtype in (np.uint8, np.float32):
        with pytest.raises(DatasetError, match="shape"):
            as_picture(np.zeros(shape, dtype))


def test_a_picture_that_is_cut_short_is_said_so(tmp_path):
    path = tmp_path / "cut.jpg"
    Image.effect_noise((200, 200), 60).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DatasetError, match="truncated"):
        as_picture(Image.open(path))


def test_names_that_no_file_can_have_are_problems_of_one_picture():
    for name in ("a\0b.jpg", "a" * 5000 + ".jpg"):
        with pytest.raises(PhotoError, match="cannot be read"):
            as_picture(name)


def test_a_data_set_that_changes_is_read_anew():
    pictures = torch.zeros(6, 3, 8, 8)
    data = TensorDataset(pictures, torch.tensor([0, 1] * 3))
    data.classes = ["a", "b"]
    images = from_torch(data)
    before = images.digest(0)
    pictures[:] = 1
    assert images.digest(0) != before
