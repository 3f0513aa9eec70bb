"""The measured tables: read, summarised over seeds, compared in pairs. No PyTorch here.

In comes a table of runs (``data/results/sweep.csv``); out go means, differences and verdicts.
"""

from .cases import LARGE, SIMILAR
from .compare import paired, results_table, summarise, verdict
from .regrets import RULES, judged, load_regrets, mean_regrets, regrets_by_place
from .table import ResultsError, load_results, results_file

__all__ = [
    "LARGE",
    "RULES",
    "SIMILAR",
    "judged",
    "mean_regrets",
    "ResultsError",
    "load_regrets",
    "load_results",
    "paired",
    "regrets_by_place",
    "results_file",
    "results_table",
    "summarise",
    "verdict",
]
