"""Training and evaluation, by one loop for pixels and for cached activations.

In come a model and pictures; out go a `History` and an `Evaluation`.
"""
