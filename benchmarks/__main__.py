"""Run benchmarks: each contestant in a fresh process, in turn, several rounds; medians are shown.

Contestants of one figure take turns, so that what else the machine does falls on all of them.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

from . import cached_training, extraction, fine_tuning, scale

FIGURES = {**extraction.FIGURES, **cached_training.FIGURES, **fine_tuning.FIGURES, **scale.FIGURES}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ", ".join(FIGURES)
    parser.add_argument("figures", nargs="*", help=f"default: all. There are {names}")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="on a busy machine (Linux): one core each, and processor time, not time on the wall",
    )
    parser.add_argument("--one", nargs=2, metavar=("FIGURE", "CONTESTANT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        figure, contestant = chosen.one
        print(json.dumps(FIGURES[figure].contestants[contestant]()))
        return 0
    if unknown := set(chosen.figures) - set(FIGURES):
        parser.error(f"no figure {', '.join(sorted(unknown))}; there are {names}")
    if chosen.cpu_time:
        os.environ |= {"TLCOURSE_BENCH_CPU_TIME": "1", "OMP_NUM_THREADS": "1"}
    print(_machine())
    for name in chosen.figures or FIGURES:
        _show(name, FIGURES[name], chosen.rounds)
    return 0


def _show(name: str, figure, rounds: int) -> None:
    print(f"\n{name}: {figure.about}\n  goal: {figure.goal}", flush=True)
    if reason := figure.skip():
        print(f"  skipped: {reason}")
        return
    results = {contestant: [] for contestant in figure.contestants}
    for _ in range(rounds):
        for contestant, values in results.items():
            values.append(_run(name, contestant))
            print(f"    {contestant}: {values[-1]['value']:.4g}", file=sys.stderr, flush=True)
    first = next(iter(results.values()))
    for contestant, values in results.items():
        numbers = [value["value"] for value in values]
        line = f"  {contestant:<42} {statistics.median(numbers):>10.4g} {figure.unit}"
        line += f"  ({min(numbers):.4g} to {max(numbers):.4g})"
        if values is not first:
            # Round by round, against the first contestant: above 1 means that the first is better.
            ratios = [
                ours["value"] / theirs if figure.more_is_better else theirs / ours["value"]
                for ours, theirs in zip(first, numbers, strict=True)
            ]
            line += f"  x{statistics.median(ratios):.3g}"
        print(
            line, *(f"      {note}" for note in {v.get("note") for v in values} if note), sep="\n"
        )


def _run(figure: str, contestant: str) -> dict:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks", "--one", figure, contestant]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{figure}, {contestant} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _machine() -> str:
    import torch

    from tlcourse.activations.engines import worker_count

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    cpu_time = ", processor time on one core" if "TLCOURSE_BENCH_CPU_TIME" in os.environ else ""
    return (
        f"{platform.system()} {platform.machine()}, {worker_count()} cores, {gpu}, "
        f"Python {platform.python_version()}, torch {torch.__version__}{cpu_time}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
