"""A file is there whole, the old one or the new, whatever happens while it is written."""

import errno
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest

from tlcourse.base.files import WriteError, exchanged, sweep, whole_file, write_whole

posix = pytest.mark.skipif(os.name != "posix", reason="needs signals and limits of POSIX")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_bytes_and_text_take_the_place_of_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, b"old")
    write_whole(path, "né \udce9")  # from a file name that is not UTF-8
    assert path.read_text(encoding="utf-8") == "né \\udce9"
    assert names(tmp_path) == ["a.txt"]


def test_an_error_leaves_the_old_file_alone(tmp_path):
    write_whole(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), whole_file(tmp_path / "a.txt") as file:
        file.write(b"half of the n")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "old" and len(names(tmp_path)) == 1


def test_the_error_names_the_file_and_the_reason(tmp_path):
    with pytest.raises(WriteError, match="gone.*a.txt could not be written .No such file"):
        write_whole(tmp_path / "gone" / "a.txt", "new")


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege on Windows")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "there")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_text(encoding="utf-8") == "new"


def run(code, folder, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@posix
def test_a_full_disk_takes_nothing_away(tmp_path):
    """The kernel's own limit on the size of files stands for the disk."""
    write_whole(tmp_path / "a.bin", "old")
    process = run(
        """
        import resource, signal, sys
        from tlcourse.base.files import WriteError, write_whole
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            write_whole(sys.argv[1] + "/a.bin", bytes(100_000))
        except WriteError as error:
            print(error)
        """,
        tmp_path,
    )
    said, wrong = process.communicate(timeout=60)
    assert "a.bin could not be written" in said and os.strerror(errno.EFBIG) in said, wrong
    assert names(tmp_path) == ["a.bin"]
    assert (tmp_path / "a.bin").read_text(encoding="utf-8") == "old"


@posix
@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05])
def test_killed_while_writing_one_file_is_there_whole(tmp_path, delay):
    write_whole(tmp_path / "a.bin", bytes(1))
    process = run(
        """
        import sys
        from tlcourse.base.files import write_whole
        print("go", flush=True)
        for n in range(2, 10**9):
            write_whole(sys.argv[1] + "/a.bin", bytes([n % 251]) * 500_000)
        """,
        tmp_path,
    )
    process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    content = (tmp_path / "a.bin").read_bytes()
    assert len(content) in (1, 500_000) and len(set(content)) == 1
    sweep(tmp_path)
    assert names(tmp_path) == ["a.bin"]


FILES = ("one", "two")


def fill(folder, text):
    for name in FILES:
        write_whole(folder / name, text)


def content(folder):
    return {name: (folder / name).read_text(encoding="utf-8") for name in names(folder)}


def test_results_are_exchanged_when_all_are_written(tmp_path):
    fill(tmp_path, "old")
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    with exchanged(tmp_path, FILES) as staging:
        fill(staging, "new")
        assert content(tmp_path / staging.name) == {"one": "new", "two": "new"}
        assert (tmp_path / "one").read_text(encoding="utf-8") == "old"
    assert content(tmp_path) == {"one": "new", "two": "new", "mine": "mine"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_an_end_half_way_keeps_the_earlier_results(tmp_path, error):
    fill(tmp_path, "old")
    with pytest.raises(error), exchanged(tmp_path, FILES) as staging:
        write_whole(staging / "one", "new")
        raise error
    assert content(tmp_path) == {"one": "old", "two": "old"}


def test_the_error_names_the_place_of_the_result(tmp_path):
    with pytest.raises(WriteError) as error, exchanged(tmp_path, FILES) as staging:
        (staging / FILES[0]).mkdir()
        write_whole(staging / FILES[0], "x")
    assert str(error.value).startswith(f"{tmp_path / FILES[0]} could not be written")


def test_where_there_are_no_earlier_results_what_is_whole_is_kept(tmp_path):
    with pytest.raises(KeyboardInterrupt), exchanged(tmp_path, FILES) as staging:
        write_whole(staging / "one", "new")
        raise KeyboardInterrupt
    assert content(tmp_path) == {"one": "new"}


@posix
def test_what_a_killed_program_left_is_swept_and_that_of_a_running_one_is_not(tmp_path):
    process = run("import os; print(os.getpid())", tmp_path)
    gone = int(process.communicate(timeout=60)[0])
    host = socket.gethostname()
    (tmp_path / f".{host}-{gone}-0123456789ab.partial").mkdir()
    (tmp_path / f".{host}-{gone}-ba9876543210.partial").touch()
    mine = tmp_path / f".{host}-{os.getpid()}-0123456789ab.partial"
    mine.touch()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [mine]


def test_another_machines_results_are_left_for_a_day(tmp_path):
    theirs = tmp_path / f".{socket.gethostname()}2-{2**22 + 1}-0123456789ab.partial"
    theirs.mkdir()
    foreign = tmp_path / ".download.partial"
    foreign.touch()
    sweep(tmp_path)
    assert theirs.exists(), "no process here has that number, which says nothing of theirs"
    for path in (theirs, foreign):
        os.utime(path, (time.time() - 100_000,) * 2)
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [foreign]


def test_the_results_of_this_process_name_its_machine(tmp_path):
    with exchanged(tmp_path, FILES) as staging:
        assert socket.gethostname() in staging.name


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_place_that_cannot_be_taken_leaves_all_as_it_was(tmp_path, when):
    (tmp_path / "one").write_text("old", encoding="utf-8")
    if when == "before":
        (tmp_path / "two").mkdir()
    with pytest.raises(WriteError, match="two could not be written .a folder has that name"):
        with exchanged(tmp_path, FILES) as staging:
            fill(staging, "new")
            (tmp_path / "two").mkdir()
    assert names(tmp_path) == ["one", "two"]
    assert (tmp_path / "one").read_text(encoding="utf-8") == "old"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        write_whole(tmp_path / "pipe", "for the reader")
        assert reader.communicate(timeout=20)[0] == b"for the reader"
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_the_permissions_of_a_file_stay(tmp_path):
    path = tmp_path / "mine"
    write_whole(path, "before")
    path.chmod(0o600)
    write_whole(path, "now")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o400)
    if not os.access(path, os.W_OK):  # root may write to all
        with pytest.raises(WriteError, match="protected"):
            write_whole(path, "again")
        assert path.read_text() == "now"


def test_an_interrupt_between_two_places_leaves_no_mixture(tmp_path, monkeypatch):
    names = ("a", "b", "c")
    for name in names:
        (tmp_path / name).write_text("before")
    replace, seen = os.replace, []

    def interrupted(source, target):
        if source != target:
            seen.append(target)
            if len(seen) == 2:
                raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), exchanged(tmp_path, names) as staging:
        for name in names:
            (staging / name).write_text("now")
    assert [(tmp_path / name).read_text() for name in names] == ["now"] * 3


def test_a_name_that_is_too_long_is_an_error_of_its_own(tmp_path):
    with pytest.raises(WriteError, match="could not be written"):
        write_whole(tmp_path / ("a" * 300), "text")
