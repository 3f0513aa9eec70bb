"""The command line: quick to answer, errors without tracebacks, one function a sub-command."""

import io
import os
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from PIL import Image

from tlcourse.app import commands
from tlcourse.app.cli import main
from tlcourse.app.terminal import PlainStream
from tlcourse.base.errors import CourseError


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    for name, colour in {"red": (200, 40, 40), "sky": (60, 120, 220)}.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(6):
            pixels = rng.normal(colour, 50, (48, 48, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


@pytest.fixture
def register(monkeypatch):
    """Register a sub-command for one test."""
    monkeypatch.setattr(commands, "COMMANDS", list(commands.COMMANDS))
    return commands.command


def test_help_lists_the_commands_and_imports_nothing_heavy():
    code = (
        "import sys\nfrom tlcourse.app.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'PIL', 'tqdm', 'IPython'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("doctor", "lab", "run", "train", "data"):
        assert f"  {name} " in done.stdout


@pytest.mark.parametrize("name", ["doctor", "lab", "run", "train", "data"])
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert f"usage: tlcourse {name}" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX closes streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_where_nobody_reads_nothing_is_wrong(photos, closed):
    command = f'exec "$0" -m tlcourse data check "$1" {closed}'
    words = ["sh", "-c", command, sys.executable, str(photos / "..")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    done = subprocess.run([*words[:-1], str(photos)], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr


def test_the_module_and_the_command_are_the_same():
    done = subprocess.run(
        [sys.executable, "-m", "tlcourse", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("tlcourse ")


def test_a_new_command_is_a_function_and_a_registration(register, capsys):
    @register("greet", "say hello", lambda parser: parser.add_argument("--name", default="you"))
    def greet(chosen):
        print("hello", chosen.name)

    assert main(["greet", "--name", "Tigger"]) == 0
    assert capsys.readouterr().out == "hello Tigger\n"


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (CourseError("the folder is empty; add pictures"), 2, "Error: the folder is empty; add"),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (FileNotFoundError(2, "No such file or directory", "x.png"), 2, "directory: 'x.png'"),
    ],
)
def test_expected_errors_have_no_traceback(register, capsys, error, status, says):
    @register("fails", "fail")
    def fails(_):
        raise error

    assert main(["fails"]) == status
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said


def test_a_data_folder_is_the_same_for_what_a_command_starts(register, tmp_path, monkeypatch):
    seen = []
    register("where", "where")(lambda _: seen.append(os.environ["TLCOURSE_DATA"]))
    monkeypatch.chdir(tmp_path)
    for given in ("here", str(tmp_path / "here")):
        monkeypatch.setenv("TLCOURSE_DATA", given)
        main(["where"])
    assert seen == [str(tmp_path / "here")] * 2


def test_an_unexpected_error_is_not_hidden(register):
    @register("breaks", "break")
    def breaks(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        main(["breaks"])


def test_a_reader_that_leaves_early_is_met_with_silence_and_no_success():
    code = (
        "import sys\nfrom tlcourse.app import cli, commands\n"
        "@commands.command('talk', 'talk')\ndef talk(_):\n"
        "    for i in range(100_000):\n        print('a line of text', i)\n"
        "sys.exit(cli.main(['talk']))\n"
    )
    talk = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    talk.stdout.readline()
    talk.stdout.close()
    assert talk.wait(60) == 141, "what it was to make may not be made"
    assert talk.stderr.read() == b""
    talk.stderr.close()


def test_names_make_the_terminal_do_nothing(register, capsys):
    name = "\x1b]0;title\x07 \x1b[2J\r\x9b31m \u202egpj.exe"

    @register("names", "name")
    def names(_):
        print("a\tb", name)
        warnings.warn(f"W {name}", stacklevel=1)
        raise CourseError(f"E {name}")

    assert main(["names"]) == 2
    said = capsys.readouterr()
    assert said.out.startswith("a\tb \\x1b]0;title\\x07 ") and "\\u202egpj" in said.out
    assert "Note: W \\x1b]0" in said.err and "Error: E \\x1b]0" in said.err
    for text in (said.out, said.err):
        assert not set("\x1b\x07\r\x9b\u202e") & set(text)


def test_a_stream_for_bars_lets_them_move():
    stream = io.StringIO()
    for text in ("\r 10%\r\x1b[2J\x1b[A", "\n", "\x1b[A\x1b[A"):
        PlainStream(stream, bars=True).write(text)
    assert stream.getvalue() == "\r 10%\\r\\x1b[2J\\x1b[A\n\x1b[A\x1b[A"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT that a test can send")
def test_ctrl_c_ends_a_real_process_with_130():
    code = (
        "import signal, sys, time\nfrom tlcourse.app import cli, commands\n"
        # A parent such as `nohup … &` may have had it ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "@commands.command('wait', 'wait')\ndef wait(_):\n"
        "    print('ready', flush=True)\n    time.sleep(60)\n"
        "sys.exit(cli.main(['wait']))\n"
    )
    waits = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    waits.stdout.readline()
    time.sleep(0.2)
    waits.send_signal(signal.SIGINT)
    assert waits.wait(60) == 130
    waits.stdout.close()


def test_train_says_how_sure_it_is(photos, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["train", str(photos), "--out", str(out), "--size", "32", "--epochs", "2"]
    assert main([*arguments, "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert "95 % interval" in said.out
    assert str(out / "report.html") in said.out
    assert "pictures only" in said.err
    assert main(arguments) == 2
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--backbone", "resnet1000"], "efficientnet_lite0"),
        (["--device", "abacus"], "abacus"),
        (["--out", "{photos}/red"], "inside"),
        (
            ["--out", f"{__file__}/x"],
            "test_cli.py/x cannot be made or written to (Not a directory)",
        ),
    ],
)
def test_train_refuses_in_words(photos, tmp_path, monkeypatch, capsys, options, says):
    monkeypatch.chdir(tmp_path)
    options = [option.replace("{photos}", str(photos)) for option in options]
    assert main(["train", str(photos), "--size", "32", *options]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said


@pytest.mark.parametrize("wrong", [["--epochs", "0"], ["--size", "big"], ["--seed", "-1"]])
def test_train_refuses_numbers_that_make_no_sense(photos, wrong, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", str(photos), *wrong])
    assert stop.value.code == 2
    assert "whole number" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["-1", str(2**32), "1.5", "--1"])
@pytest.mark.parametrize("words", [["train", "photos"], ["advise", "photos"], ["run", "00"]])
def test_seeds_that_numpy_refuses_are_refused_at_once(words, wrong, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*words, f"--seed={wrong}"])
    assert stop.value.code == 2
    assert "is not a whole number from 0 to 4294967295" in capsys.readouterr().err


def test_data_lists_what_there_is(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    for arguments in (["data"], ["data", "list"]):
        assert main(arguments) == 0
        said = capsys.readouterr().out
        assert str(tmp_path) in said
        assert "tlcourse data fetch eurosat" in said


def test_data_fetch(capsys):
    assert main(["data", "fetch", "digits"]) == 0
    assert "train" in capsys.readouterr().out
    assert main(["data", "fetch", "unicorns"]) == 2
    assert "eurosat" in capsys.readouterr().err


def test_data_check_lists_bad_files_and_leaves_them(photos, capsys):
    assert main(["data", "check", str(photos)]) == 0
    capsys.readouterr()
    bad = photos / "red" / "holiday.jpg"
    bad.write_bytes(b"no picture")
    assert main(["data", "check", str(photos)]) == 1
    assert "holiday.jpg" in capsys.readouterr().out
    assert bad.exists()
    assert main(["data", "check", str(photos / "nowhere")]) == 2


def test_data_check_takes_the_table_and_the_groups_that_train_takes(photos, tmp_path, capsys):
    names = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.*"))
    table = tmp_path / "labels.csv"
    rows = [f"{name},{'even' if i % 2 else 'odd'}" for i, name in enumerate(names)]
    table.write_text("\n".join(["file,label", *rows]), encoding="utf-8")
    assert main(["data", "check", str(photos), "--labels", str(table)]) == 0
    said = capsys.readouterr().out
    assert "even" in said and "odd" in said and "red" not in said.split("class", 1)[1]
    assert main(["data", "check", str(photos), "--group-by", "nothing like it"]) == 2
    assert "group_by='nothing like it' is found in no path" in capsys.readouterr().err


def test_data_check_is_for_folders(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "check", "pets"]) == 2
    said = capsys.readouterr().err
    assert "'pets' is not a folder" in said and "tlcourse data fetch NAME" in said
