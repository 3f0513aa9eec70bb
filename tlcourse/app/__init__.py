"""What the command `tlcourse` does: lessons, training on a folder, reports, checks of the machine.

In come words of a command line; out go text, files and an exit status.
"""
