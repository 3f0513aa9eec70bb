"""From JPEG files to cached activations, and the network alone."""

import os
import tempfile
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

import tlcourse as tl
from tlcourse.activations import engines

from .figure import (
    NETWORK,
    Figure,
    ants_and_bees,
    cats_and_dogs,
    clock,
    empty_data_folder,
    no_gpu,
    no_photographs,
    seconds,
)


def _photographs():
    """2,000 cats and dogs (200 x 200), and 398 ants and bees (about 500 x 400)."""
    insects = ants_and_bees()
    return [cats_and_dogs().train, insects.train, insects.validation]


def _to_cache(size, device="cpu", dtype="float32"):
    backbone, sets = tl.load_backbone(NETWORK), _photographs()
    with empty_data_folder():
        start = clock()
        for images in sets:
            tl.cache_activations(
                backbone, images, size=size, device=device, dtype=dtype, progress=False
            )
        passed = clock() - start
    return {"value": sum(map(len, sets)) / passed}


def _to_cache_without_openvino(size):
    engines.OPENVINO_FROM = float("inf")
    return _to_cache(size)


class _Files(Dataset):
    def __init__(self, paths, transform):
        self.paths, self.transform = paths, transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        return self.transform(Image.open(self.paths[i]).convert("RGB"))


def _loader(size, workers):
    """The loop that tutorials show, with the network's own preprocessing."""
    preprocess = tl.load_backbone(NETWORK).spec.preprocess
    transform = transforms.Compose(
        [
            transforms.Resize(round(size / preprocess.crop), transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(size),
            transforms.ToTensor(),
            transforms.Normalize(preprocess.mean, preprocess.std),
        ]
    )
    paths = [images.path(i) for images in _photographs() for i in range(len(images))]
    return DataLoader(_Files(paths, transform), batch_size=32, num_workers=workers)


def _usual_loop(size, workers, device="cpu"):
    backbone = tl.load_backbone(NETWORK).to(device)
    loader = _loader(size, workers)
    start, rows = clock(), []
    with torch.no_grad():
        for x in loader:
            rows.append(backbone.stages(x.to(device)).mean((2, 3)).cpu().numpy())
    rows = np.concatenate(rows)
    with tempfile.TemporaryFile() as file:
        np.save(file, rows)
        file.flush()
        os.fsync(file.fileno())
    return {"value": len(rows) / (clock() - start)}


def _jpeg(size, goal):
    contestants = {
        "cache_activations": partial(_to_cache, size),
        "cache_activations without OpenVINO": partial(_to_cache_without_openvino, size),
        "eager PyTorch, DataLoader, 2 workers": partial(_usual_loop, size, 2),
        "eager PyTorch, DataLoader, no workers": partial(_usual_loop, size, 0),
    }
    return Figure(
        about=f"2,398 JPEG files to cached activations, {size} px",
        goal=f"{goal} times the eager loop",
        unit="pictures/s",
        more_is_better=True,
        contestants=contestants,
        skip=no_photographs,
    )


def _jpeg_gpu(size):
    contestants = {
        "cache_activations, float16": partial(_to_cache, size, "cuda", "float16"),
        "cache_activations, float32": partial(_to_cache, size, "cuda"),
        "eager PyTorch, DataLoader, 8 workers": partial(_usual_loop, size, 8, "cuda"),
    }
    return Figure(
        about=f"2,398 JPEG files to cached activations, {size} px, on a GPU",
        goal="stated, not compared",
        unit="pictures/s",
        more_is_better=True,
        contestants=contestants,
        skip=lambda: no_photographs() or no_gpu(),
    )


# The network alone -------------------------------------------------------------------------------

SIZE, COUNT = 224, 128


def _rate(work):
    """Run over all batches three times, after a warm-up; the best of three."""
    work()
    return {"value": COUNT / min(seconds(work) for _ in range(3))}


def _pixels():
    return np.random.default_rng(0).integers(0, 256, (COUNT, SIZE, SIZE, 3), np.uint8)


def _ours(large: bool):
    backbone, pixels = tl.load_backbone(NETWORK), _pixels()
    preprocess = backbone.spec.preprocess.at(SIZE)
    engine = engines.open_engine(
        backbone.stages, preprocess, True, pixels[:4], pictures=10**6 if large else 1
    )
    size = engines.batch_size_for(SIZE)
    batches = [pixels[i : i + size] for i in range(0, COUNT, size)]
    with engines.worker_pool() as pool:
        result = _rate(lambda: list(pool.map(engine, batches)))
    return result | {"note": f"engine: {engine.name}"}


def _floats(batch_size):
    """Normalised pictures; the peers need not do that."""
    preprocess = tl.load_backbone(NETWORK).spec.preprocess
    x = preprocess.normalise(torch.from_numpy(_pixels()).permute(0, 3, 1, 2)).contiguous()
    return [x[i : i + batch_size] for i in range(0, COUNT, batch_size)]


class _Pooled(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.stages = tl.load_backbone(NETWORK).stages.eval()

    def forward(self, x):
        return self.stages(x).mean((2, 3))


def _eager():
    network, batches = _Pooled(), _floats(32)

    def work():
        with torch.no_grad():
            for x in batches:
                network(x)

    return _rate(work)


def _openvino():
    openvino = engines.import_openvino()
    batches = [x.numpy() for x in _floats(8)]
    model = openvino.convert_model(_Pooled(), example_input=torch.zeros(8, 3, SIZE, SIZE))
    model.reshape([8, 3, SIZE, SIZE])
    options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"}
    queue = openvino.AsyncInferQueue(openvino.Core().compile_model(model, "CPU", options))

    def work():
        for x in batches:
            queue.start_async({0: x}, share_inputs=True)
        queue.wait_all()

    return _rate(work)


def _onnxruntime():
    import onnxruntime

    batches = [x.numpy() for x in _floats(8)]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "network.onnx")
        torch.onnx.export(
            _Pooled(), (torch.zeros(8, 3, SIZE, SIZE),), path, input_names=["x"], dynamo=False
        )
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def work():
        for x in batches:
            session.run(None, {"x": x})

    return _rate(work)


FIGURES = {
    "jpeg-224": _jpeg(224, 3),
    "jpeg-128": _jpeg(128, 1.5),
    "jpeg-224-gpu": _jpeg_gpu(224),
    "network": Figure(
        about=f"pictures through {NETWORK} alone, {SIZE} px, float32",
        goal="at least 0.9 of the faster of OpenVINO and ONNX Runtime",
        unit="pictures/s",
        more_is_better=True,
        contestants={
            "cache_activations' engine": partial(_ours, True),
            "its fallback, folded PyTorch": partial(_ours, False),
            "OpenVINO, throughput, batch 8": _openvino,
            "ONNX Runtime, batch 8": _onnxruntime,
            "eager PyTorch, batch 32": _eager,
        },
    ),
}
