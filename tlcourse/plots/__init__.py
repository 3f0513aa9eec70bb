"""Pictures of data, training and networks, as matplotlib figures.

Every function returns a `matplotlib.figure.Figure` and leaves pyplot's global state alone, so it
works without a display. `show` puts a figure into a notebook together with its text alternative.
Colours are Okabe and Ito's, which stay apart under colour blindness; markers, hatches and labels
say the same again, for print and for those who see no colour.
"""

from .cases import advice_evidence, case_map
from .networks import STATES, filters, network_diagram, parameter_bars
from .pictures import mistaken, mistakes, overlay, picture_grid, top5
from .poster import poster
from .results import depth_curves, heat_map, trade_offs
from .style import PALETTE, PlotError, in_style, png, show, thumbnail
from .training import confusion_matrix, history_curves, reliability_diagram, spread
from .wall import mean_places, wall_page
