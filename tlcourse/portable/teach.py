"""The page 'Teach it here' as a folder that opens from any server, or from disk."""

from __future__ import annotations

import html
import json
from pathlib import Path

from ..networks.zoo import load_backbone
from ..widgets.assets import join_styles
from ..widgets.teach_examples import examples
from ..widgets.teach_here import SIZE, STYLES, VIEW
from .assets import PACKAGE
from .scripts import network_pieces, packed, page_script, part_scripts


def write_teach_page(folder: Path) -> int:
    """Write `index.html` and what it loads; returns the bytes that starting it brings in.

    Parameters
    ----------
    folder
        Made where it is not there; files in it are replaced.

    Raises
    ------
    ExportError
        Where ONNX or ONNX Runtime for the browser is missing; the message says what to do.
    """
    backbone = load_backbone()
    scripts = part_scripts(network_pieces(backbone, SIZE))
    folder.mkdir(parents=True, exist_ok=True)
    parts = [f"part-{i:02}.js" for i in range(len(scripts))]
    for name, script in zip(parts, scripts, strict=True):
        (folder / name).write_text(script, encoding="ascii")
    drawn = packed(json.dumps(examples()).encode())
    (folder / "examples.js").write_text(f'teachPart("examples","{drawn}");', encoding="ascii")
    script = page_script(*VIEW, "teach/site.js")
    (folder / "teach.js").write_text(script, encoding="utf-8")
    (folder / "teach.css").write_text(join_styles(*STYLES), encoding="utf-8")
    size = sum(len(script) for script in scripts)
    page = _PAGE.format(
        parts=html.escape(json.dumps({"parts": parts, "megabytes": round(size / 1e6)})),
        network=html.escape(f"{backbone.spec.name}, {backbone.spec.licence}"),
        runtime=html.escape(PACKAGE.replace("@", " ")),
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    return size


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Teach it here: transfer learning in your browser</title>
<link rel="stylesheet" href="teach.css">
<style>
:root {{ color-scheme: light dark; background: light-dark(#fff, #101317); }}
body {{ margin: 0; }}
#teach > .tlw {{ border: 0; margin: 0; background: none; padding: clamp(8px, 1.5vw, 28px); }}
footer {{ padding: 0 clamp(8px, 1.5vw, 28px) 1em; font: 0.8rem/1.5 system-ui, sans-serif;
  color: light-dark(#57606a, #a3abb5); }}
footer a {{ color: inherit; }}
</style></head>
<body><main><h1 hidden>Teach it here</h1><div id="teach" data-parts="{parts}">
<noscript>This page needs JavaScript: the network runs in it.</noscript></div></main>
<footer><a href="../index.html">The course</a> explains every step. Network: {network}. Runtime:
{runtime} (MIT). Nothing that you show it leaves this machine.</footer>
<script src="teach.js"></script></body></html>
"""
