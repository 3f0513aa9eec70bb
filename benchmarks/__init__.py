"""The figures that the documentation quotes: ``python -m benchmarks NAME``; see README.md here."""

import os

if os.environ.get("TLCOURSE_BENCH_CPU_TIME"):
    # Before anything counts the cores.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
