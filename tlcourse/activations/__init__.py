"""What frozen stages make of each picture, computed once and kept on the disk.

In come a network, pictures and the stage to cut at; out go their activations as rows, read from
files whose key holds everything that they depend on.
"""
