"""What every room stands on: errors, places on the disk, progress, the running process.

Nothing comes in from other rooms, and nothing here knows of data sets or networks.
"""
