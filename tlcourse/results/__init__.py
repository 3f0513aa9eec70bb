"""The measured tables: read, summarised over seeds, compared in pairs. No PyTorch here.

In comes a table of runs (``data/results/sweep.csv``); out go means, differences and verdicts.
"""

from .cases import LARGE, SIMILAR
from .compare import paired, results_table, summarise, verdict
from .regrets import RULES, judged, load_regrets, mean_regrets, regrets_by_place
from .table import ResultsError, load_results, results_file
