"""Pretrained networks in stages: their pixels, their weights, new heads, freezing, saving.

In come pictures and the name of a network; out go tensors (N, 3, H, W) and a `TransferModel`.
"""
