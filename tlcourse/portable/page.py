"""`tlcourse.export`, your trained model as ONNX, and as a page that runs it in any browser."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path

from ..base.files import exchanged, write_whole
from ..networks.heads import TransferModel
from ..widgets.assets import join_styles
from ..widgets.teach_here import STYLES
from .networks import ExportError, about_file, model_to_onnx
from .scripts import PAGE_STYLE, page_script, page_title, part_scripts, runtime_pieces

FILES = ("model.onnx", "index.html")

_SCRIPTS = ("zip", "album", "camera", "bars", "shelf", "exported", "exported_page")


def export(
    model: TransferModel, folder: str | Path, *, card: Mapping | None = None, force: bool = False
) -> Path:
    """Write a model as ONNX, and as one page that runs it in any browser, from disk.

    `model.onnx` takes normalised pictures of shape (N, 3, size, size) and gives `logits` (N,
    classes) and `features` (N, C, H, W), the activations below the head, which are tokens (N, L, C)
    of a vision transformer; its metadata say how to make the input. `index.html` needs no other
    file and no network connection: camera, dropped pictures, probabilities and, where the head is
    linear and stands on maps, a map of where the answer comes from.

    Parameters
    ----------
    model
        Of any strategy. It is left as it was.
    folder
        Made where it is not there.
    card
        More lines for the model's card on the page, such as {"accuracy": "0.94 on 50 pictures"}.
    force
        Replace `FILES` of an earlier export; other files in the folder stay.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ExportError
        Where something stands in the way, `onnx` is not installed, or the browser's runtime
        cannot be fetched; then `model.onnx` alone is written, or an earlier export stays.
    WriteError
        The files cannot be written, as on a full disk; those of an earlier export stay.
    """
    if not isinstance(model, TransferModel):
        raise ExportError(
            f"a {type(model).__name__} cannot be exported: give a model from tl.replace_head, "
            "tl.apply or tl.load_model"
        )
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder} is a file; give a folder")
    there = [name for name in FILES if (folder / name).exists()]
    if there and not force:
        raise ExportError(
            f"{' and '.join(there)} of an earlier export stand in {folder}, and were not touched; "
            "give another folder, or replace them: --force, or force=True in Python"
        )
    about = about_file(model)
    made = model_to_onnx(model, about)
    on_maps = len(made.graph.output[1].type.tensor_type.shape.dim) == 4
    graph = made.SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    with exchanged(folder, FILES) as staging:
        write_whole(staging / "model.onnx", graph)
        try:
            runtime = runtime_pieces()
        except ExportError as error:
            now = "what was there stays" if there else f"{folder / 'model.onnx'} is written"
            raise ExportError(f"there is no page, and {now}: {error}") from error
        head = _linear_head(model) if on_maps else None
        page = _page(model, about | {"head": head}, graph, runtime, card or {})
        write_whole(staging / "index.html", page)
    return folder


def _linear_head(model: TransferModel) -> dict | None:
    """What a map of evidence is computed with; a head with hidden layers has none."""
    if model.head.hidden:
        return None
    linear = model.head.linear
    return {
        "weights": linear.weight.detach().cpu().ravel().tolist(),
        "biases": linear.bias.detach().cpu().tolist(),
    }


def _page(model: TransferModel, about: dict, graph: bytes, runtime: dict, card: Mapping) -> str:
    pieces = {**runtime, "graph": graph, "about": json.dumps(about).encode()}
    preprocess = about["preprocess"]
    lines = {
        "classes": ", ".join(model.classes),
        "network": f"{model.spec.name}, up to {model.stage_names[-1]}",
        "pictures": f"{preprocess['size']} px, the centre square, {preprocess['crop']:.3g} of the "
        "shorter side",
        "licence of the network": about["licence"],
        **card,
    }
    rows = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(text))}</dd>"
        for name, text in lines.items()
    )
    scripts = [page_script(*(f"teach/{name}.js" for name in _SCRIPTS)), *part_scripts(pieces)]
    return _PAGE.format(
        title=page_title(model.classes),
        style=join_styles(*STYLES) + PAGE_STYLE,
        card=rows,
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


# Nothing in the page may reach outside it, whatever a class or a file is called.
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data: blob:;
 media-src blob: mediastream:; style-src 'unsafe-inline'; worker-src blob:; connect-src data: blob:;
 script-src 'unsafe-inline' 'wasm-unsafe-eval' blob:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}
h2 {{ font-size: 1.1rem; }}
dl {{ display: grid; grid-template-columns: minmax(0, auto) minmax(0, 1fr); gap: 0.2rem 1rem; }}
dt {{ color: light-dark(#57606a, #a3abb5); }}
dd {{ margin: 0; overflow-wrap: anywhere; }}
@media (max-width: 480px) {{ dl {{ display: block; }} dd {{ margin-bottom: 0.6rem; }} }}
</style></head>
<body><main><h1>{title}</h1>
<div id="model"><noscript>This page needs JavaScript: the model runs in it.</noscript></div>
<section><h2>The model</h2><dl>{card}</dl>
<p>It answers with one of its classes whatever it is shown. Nothing that you show it leaves this
machine.</p></section></main>
{scripts}
</body></html>
"""
