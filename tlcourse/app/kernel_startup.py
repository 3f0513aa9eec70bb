"""Runs first in every kernel of `tlcourse lab`: a name that is missing is met with what to do.

It imports nothing of the course, so that it works in kernels of other environments too.
"""


def _say_what_to_do(shell, kind, error, trace, tb_offset=None):
    import sys

    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
    if kind is NameError and error.name:  # not of its kinds, such as UnboundLocalError
        print(
            f"Run the cells above first: no cell that ran in this kernel has made `{error.name}`. "
            "Menu Run > Run All Above Selected Cell does it. If they have run, check the spelling.",
            file=sys.stderr,
        )


# A terminal's Python reads this file too, and has no such function.
if "get_ipython" in globals():
    get_ipython().set_custom_exc((NameError,), _say_what_to_do)  # type: ignore  # noqa: F821
del _say_what_to_do
