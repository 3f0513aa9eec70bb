"""The sweep: every strategy on every data set, for those who measure rather than learn.

In comes a plan of runs; out go rows of the table that `tlcourse.results` reads.
"""
