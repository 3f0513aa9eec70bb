"""The four cases: where their borders lie, stated once."""

LARGE = 150
"""Training pictures per class from which a data set counts as large."""
SIMILAR = 0.45
"""Similarity from which pictures count as similar to those of ImageNet."""
