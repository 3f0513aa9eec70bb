"""How the course draws: one style, pictures made ready, and figures with words beside them."""

import base64
import io
import sys
import warnings
from contextlib import contextmanager
from functools import wraps
from html import escape

import matplotlib
import matplotlib.font_manager
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from ..base.errors import CourseError
from ..data.handed import as_picture
from ..data.sets import DatasetError

BLUE, ORANGE, GREEN = "#0072b2", "#e69f00", "#009e73"
RED, PINK, SKY = "#d55e00", "#cc79a7", "#56b4e9"
PALETTE = (BLUE, RED, GREEN, PINK, ORANGE, SKY, "#000000")
MARKERS = "os^Dv*P"
_STYLE = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": "#444444",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.titlesize": 10,
    "axes.titleweight": "normal",
    "axes.labelsize": 10,
    "text.color": "black",
    "axes.labelcolor": "black",
    "axes.titlecolor": "black",
    "xtick.color": "#222222",
    "ytick.color": "#222222",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "text.parse_math": False,  # a dollar in a class's name is a dollar
    "font.family": ["DejaVu Sans"],
    "hatch.linewidth": 0.6,
}
# For the names of classes in scripts that the first font lacks, where such a font is installed.
_MORE_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
)
_THUMBNAIL = 160  # pixels: more is not seen at the size of these grids
_HEAVY = 100_000  # bytes; figures with photographs above that are stored in 256 colours


class PlotError(CourseError, ValueError):
    """What was handed over cannot be drawn."""


def in_style(draw):
    """Draw in the course's style, whatever the user's settings are, and leave those alone."""

    @wraps(draw)
    def styled(*args, **kwargs):
        known = set(matplotlib.font_manager.get_font_names())
        fonts = [*_STYLE["font.family"], *(name for name in _MORE_FONTS if name in known)]
        with matplotlib.rc_context(_STYLE | {"font.family": fonts}), _no_word_of_glyphs():
            return draw(*args, **kwargs)

    return styled


@contextmanager
def _no_word_of_glyphs():
    """Keep matplotlib from warning of characters that no font has: they are drawn as boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(Glyph|Matplotlib currently does not support)")
        yield


def show(figure: Figure, alt: str) -> None:
    """Show a figure in a notebook, with a text alternative.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        What the picture shows, in a sentence, for those who do not see it. Outside a notebook it is
        printed in the figure's place.

    Raises
    ------
    PlotError
        `alt` is empty.
    """
    alt = " ".join(alt.split()) if isinstance(alt, str) else ""
    if not alt:
        raise PlotError("show(figure, alt=...): say in a sentence what the picture shows")
    if "IPython" in sys.modules:
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is not None:
            data = base64.b64encode(png(figure)).decode("ascii")
            # JupyterLab and the book show the HTML, whose text a screen reader finds; GitHub and
            # converters take the picture, for which notebooks have no place to keep such a text.
            html = f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'
            bundle = {"text/html": html, "image/png": data, "text/plain": alt}
            display(bundle, metadata={"image/png": {"alt": alt}}, raw=True)
            return
    print(alt)


def png(figure: Figure) -> bytes:
    """Render a figure.

    Returns
    -------
    bytes
        A PNG file, the same for the same figure; in 256 colours where it would be heavy otherwise.
    """
    buffer = io.BytesIO()
    options: dict = {"bbox_inches": "tight", "pad_inches": 0.08, "metadata": {"Software": None}}
    with _no_word_of_glyphs():
        figure.savefig(buffer, format="png", dpi=100, pil_kwargs={"optimize": True}, **options)
    if buffer.tell() > _HEAVY:
        picture = Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        picture.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def thumbnail(image, longest: int = _THUMBNAIL) -> np.ndarray:
    """Bring a picture into a form to draw.

    Parameters
    ----------
    image : PIL.Image, array or tensor
        (H, W), (H, W, 3) or (3, H, W); uint8, or float in [0, 1].
    longest : int
        Pixels of the longer side, at most.

    Returns
    -------
    np.ndarray
        uint8 (h, w, 3)
    """
    try:
        image = as_picture(image)
    except DatasetError as error:
        raise PlotError(str(error)) from error
    if max(image.size) > longest:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return np.asarray(image)


def text_on(colour) -> str:
    """Black or white, whichever has the higher contrast on a colour."""
    luminance = np.dot(np.power(to_rgb(colour), 2.2), (0.2126, 0.7152, 0.0722))
    return "black" if luminance > 0.18 else "white"


def shorten(text: str, longest: int) -> str:
    """Cut a text to `longest` characters, with a mark where something is missing."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
