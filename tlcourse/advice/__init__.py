"""Which strategy suits your pictures: what is measured on them, and what that speaks for.

In come pictures and a network; out goes an `Advice` with its evidence.
"""
