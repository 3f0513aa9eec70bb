"""The pets that the course draws itself: Tigger, Misty, and neither.

In come a class, a number and a size; out goes the same picture on every machine.
"""
