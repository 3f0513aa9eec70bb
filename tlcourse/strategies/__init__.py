"""The ways to reuse a network, as data: where to cut, what to freeze, which head, which rates.

In come a network, classes and a `Strategy` (or its name); out goes a model, ready to train.
"""
