"""Stop commands for your own pictures wherever they touch a file; run in a process of its own.

    python moments.py FOLDER ACTION FAULT COUNT

FOLDER/pictures holds photographs. The results are made once and kept as those of before; then
COUNT children make them anew, and each meets the fault at another of the moments at which a file
of the results is opened, renamed or removed. Prints JSON: for each moment, what was wrong after it.
"""

import errno
import hashlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np

from tlcourse.app.cli import main
from tlcourse.base.files import sweep
from tlcourse.data.labels import read_labels
from tlcourse.networks.saving import load_model
from tlcourse.portable import page, scripts

WRITING = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}
TRAIN = "--backbone squeezenet1_1 --size 32 --epochs 1 --device cpu --force"


def commands(folder):
    """For each action the command, and the files that it makes in the folder's results."""
    pictures, model, out = folder / "pictures", folder / "model", folder / "results"
    look = [str(pictures), "--page", str(out / "p.html"), "--decisions", str(out / "d.csv")]
    words = {
        "train": ["train", str(pictures), "--out", str(out), *TRAIN.split()],
        "predict": ["predict", str(model), str(pictures), "--csv", str(out / "a.csv"), "--force"],
        "export": ["export", str(model), "--out", str(out), "--force"],
        "look": ["look", *look, "--size", "32", "--device", "cpu"],
    }
    train = [str(pictures), "--out", str(model), *TRAIN.split()]
    return words, ["train", *train]


def watch(folder, at, fault):
    """Count what happens to files below the folder; the fault comes with number `at`."""
    seen = [0]

    def hook(event, arguments):
        if event not in WRITING or not arguments or not isinstance(arguments[0], str | Path):
            return
        writes = event != "open" or (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if not writes or not str(arguments[0]).startswith(str(folder)):
            return
        seen[0] += 1
        if seen[0] == at:
            if fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            elif fault == "interrupt":
                raise KeyboardInterrupt
            else:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sys.addaudithook(hook)
    return seen


def child(words, out, at, fault):
    """Run a command in a fork; returns its status, or the signal that ended it as a negative."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        sys.stdout = sys.stderr = open(os.devnull, "w")
        seen = watch(out, at, fault)
        status = 99  # stays where an error gets through
        try:
            status = main(words)
        except KeyboardInterrupt:
            status = 130
        finally:
            os.write(write, json.dumps(seen[0]).encode())
            os._exit(status or 0)
    os.close(write)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    with os.fdopen(read, "rb") as told:
        return status, told.read()


def state(out):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in out.iterdir()}


def unusable(out):
    """Say which of the results cannot be used."""
    wrong = []
    for path in out.iterdir():
        text = path.read_bytes()
        if path.name == "model.safetensors":
            load_model(path)
        elif path.suffix == ".html" and not text.rstrip().endswith(b"</html>"):
            wrong.append(f"{path.name} is cut short")
        elif path.name == "result.json":
            json.loads(text)
        elif path.name == "d.csv":
            read_labels(path)
        elif path.name == "a.csv" and text.count(b"\n") != 25:
            wrong.append("a.csv is cut short")
    return wrong


def tried(words, out, before, at, fault):
    shutil.rmtree(out)
    shutil.copytree(before, out)
    if words[0] == "look":  # it replaces no table
        (out / "d.csv").unlink()
    old = state(out)
    status, _ = child(words, out, at, fault)
    sweep(out)
    now = state(out)
    wrong = unusable(out)
    if missing := sorted(old.keys() - now.keys()):
        wrong.append(f"gone: {missing}")
    if strange := sorted(now.keys() - state(before).keys()):
        wrong.append(f"left behind: {strange}")
    expected = {"kill": {-signal.SIGKILL}, "interrupt": {0, 130}, "full": {0, 1, 2}}[fault]
    if status not in expected:
        wrong.append(f"it ended with {status}")
    return {"at": at, "status": status, "wrong": wrong}


if __name__ == "__main__":
    folder, action, fault, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    words, train = commands(folder)
    out, before = folder / "results", folder / "before"
    if action != "train" and not (folder / "model").exists():
        assert main(train) == 0
    if action == "export":  # the runtime of the browser is not what is tried
        scripts.runtime_pieces = page.runtime_pieces = lambda: {"runtime": b"x" * 300_000}
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(before, ignore_errors=True)
    out.mkdir()
    assert main(words[action]) == 0
    shutil.copytree(out, before)
    if action == "look":
        (out / "d.csv").unlink()
    status, told = child(words[action], out, 0, fault)
    assert status == 0, status
    moments = np.unique(np.linspace(1, json.loads(told), count).round().astype(int)).tolist()
    results = [tried(words[action], out, before, at, fault) for at in moments]
    print(json.dumps({"of": json.loads(told), "moments": results}))
