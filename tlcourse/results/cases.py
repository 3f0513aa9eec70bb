"""Where the borders of the four cases lie: small or large, similar or different."""

LARGE = 150
"""Effective pictures from which a data set counts as large."""
SIMILAR = 0.45
"""Similarity from which pictures count as similar to those of ImageNet."""
