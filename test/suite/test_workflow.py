# SPDX-License-Identifier: GPL-2.0-or-later
# summary: the workflow over windows (docs/scale.md): what is planned, what a scheduler says, and all of it on a laptop,
#          against the sequential run, where snakemake is installed.
from __future__ import annotations

import csv
import json
import os
import random
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conftest import run_program
from sequences import differences, run_sequence
from workflow_run import WORKFLOW, cut, script, write_plan
import plan
import settings

NO_SNAKEMAKE = "snakemake is not installed (apt-get install snakemake), so the workflow as a whole was not tried"


def ring(*sizes: int) -> list[settings.RingFile]:
    return [settings.RingFile(f"ring/{number}", size, 7) for number, size in enumerate(sizes)]


def settled(**others: Any) -> dict[str, Any]:
    given = {"output": "out", "sensors": {"a": "*.pcap"}, **others}
    return settings.read_settings(given, Path("here")).of_window()


# ---------------------------------------------------------------- what is planned

@pytest.mark.parametrize(("sizes", "windows"), [
    ([], []),
    ([5], [(1, 1)]),
    ([0, 0], [(1, 2)]),
    ([10] * 6, [(1, 3), (4, 6)]),
    ([10] * 7, [(1, 3), (4, 6), (7, 7)]),
    ([10, 500, 10, 10], [(1, 1), (2, 2), (3, 4)]),
    ([500], [(1, 1)]),
    ([29, 29], [(1, 1), (2, 2)]),
])
def test_windows(sizes, windows):
    assert [each[:2] for each in plan.windows_of(sizes, 30)] == windows


def test_windows_have_about_equal_bytes_and_each_file_once():
    sizes = [random.Random(1).randrange(1, 40) for _ in range(2000)]
    windows = plan.windows_of(sizes, 400)
    assert [number for each in windows for number in range(each.first, each.last + 1)] == list(range(1, 2001))
    assert all(each.bytes == sum(sizes[each.first - 1:each.last]) for each in windows)
    assert all(380 <= each.bytes <= 420 for each in windows[:-1]) and 0 < windows[-1].bytes <= 420


def keys(files: list[settings.RingFile], **others: Any) -> list[str]:
    made = plan.make_plan("a", files, 30, settled(**others))
    return [each["key"] for each in made["windows"]]


def changed(before: list[str], after: list[str]) -> set[int]:
    return {number for number, key in enumerate(after) if key not in before}


def test_what_a_changed_file_is_news_to():
    """The windows that read it. There are four of three files."""
    files = ring(*[10] * 12)
    before = keys(files, look_back=1, look_ahead=2)
    files[4] = files[4]._replace(changed=8)
    assert changed(before, keys(files, look_back=1, look_ahead=2)) == {0, 1}
    assert changed(keys(ring(*[10] * 12), look_back=0, look_ahead=0), keys(files, look_back=0, look_ahead=0)) == {1}
    assert changed(keys(ring(*[10] * 12), look_back=None, look_ahead=0),
                   keys(files, look_back=None, look_ahead=0)) == {1, 2, 3}


def test_what_an_added_file_is_news_to():
    """The last window, and those that can look further ahead now."""
    def grown(**others: Any) -> set[int]:
        return changed(keys(ring(*[10] * 12), **others), keys(ring(*[10] * 13), **others))
    assert grown(look_back=1, look_ahead=0) == {4}
    assert grown(look_back=1, look_ahead=2) == {3, 4}
    assert grown(look_back=1, look_ahead=None) == {0, 1, 2, 3, 4}
    assert changed(keys(ring(*[10] * 11), look_ahead=0), keys(ring(*[10] * 12), look_ahead=0)) == {3}


def test_other_options_are_news_to_all():
    files = ring(*[10] * 12)
    assert changed(keys(files), keys(files, options=["--layers", "leaf"])) == {0, 1, 2, 3}
    assert keys(files, retries=7, minutes=3, parquet=True) == keys(files)


@pytest.mark.parametrize(("value", "number"), [(5, 5), ("4 GB", 4 * 10**9), ("1.5kb", 1500), ("2 MiB", 2**21)])
def test_bytes(value, number):
    assert settings.bytes_of(value) == number


@pytest.mark.parametrize(("wrong", "complaint"), [
    ({"output": None}, "output"), ({"sensors": None}, "sensors"), ({"sensors": {}}, "sensors"),
    ({"sensors": {"a/b": "x"}}, "'a/b'"), ({"sensors": {"..": "x"}}, "'..'"), ({"sensors": {"a": 5}}, "sensors: a"),
    ({"window_bytes": "many"}, "'many'"), ({"window_bytes": 0}, "'0'"), ({"look_back": -1}, "look_back"),
    ({"look_ahead": "2"}, "look_ahead"), ({"logs": ["syslog"]}, "'syslog'"), ({"window_byte": 5}, "'window_byte'"),
    ({"options": ["-w", "x"]}, "-w"), ({"options": ["--report=x"]}, "--report"), ({"options": ["-j4"]}, "-j4"),
    ({"options": "--correlate"}, "--correlate"),
])
def test_what_cannot_be_set(wrong, complaint):
    given = {"output": "out", "sensors": {"a": "*.pcap"}, **wrong}
    with pytest.raises(settings.ConfigError, match=complaint):
        settings.read_settings({key: value for key, value in given.items() if value is not None}, Path())


def test_the_example_can_be_set():
    yaml = pytest.importorskip("yaml", reason="there is no python3-yaml")
    given = yaml.safe_load((WORKFLOW / "config.yaml").read_text())
    read = settings.read_settings(given, Path("place"))
    assert read.sensors["office"] == ["place/captures/office/*.pcapng"] and read.tool == "pcap-unproxy"
    assert set(given) == set(settings.DEFAULTS) | {"output", "sensors"}
    assert {name: given[name] for name in settings.DEFAULTS if name != "options"} == {
        name: value for name, value in settings.DEFAULTS.items() if name != "options"}


def test_files_of_a_sensor(tmp_path):
    """Each once, no folders; the list is touched only where it says something else."""
    for name in ["b.pcap", "a.pcap", "c.txt"]:
        (tmp_path / name).write_bytes(b"12")
    (tmp_path / "d.pcap").mkdir()
    (tmp_path / "e.pcap").symlink_to("nowhere")
    given = {"output": "out", "sensors": {"a": ["*.pcap", "a.*"], "none": "x*"}}
    read = settings.read_settings(given, tmp_path)
    settings.list_files(read, tmp_path / "plan")
    listed = settings.read_files(tmp_path / "plan/a.files")
    assert [(Path(each.file).name, each.bytes) for each in listed] == [("a.pcap", 2), ("b.pcap", 2)]
    assert settings.read_files(tmp_path / "plan/none.files") == []
    before = (tmp_path / "plan/a.files").stat().st_ino
    settings.list_files(read, tmp_path / "plan")
    assert (tmp_path / "plan/a.files").stat().st_ino == before
    (tmp_path / "two\nlines.pcap").write_bytes(b"12")
    with pytest.raises(settings.ConfigError, match="line break"):
        settings.list_files(read, tmp_path / "plan")
    (tmp_path / "two\nlines.pcap").unlink()
    (tmp_path / "b.pcap").write_bytes(b"123")
    settings.list_files(read, tmp_path / "plan")
    assert (tmp_path / "plan/a.files").stat().st_ino != before


def test_the_plan_is_the_same_each_time(tool, captures, tmp_path):
    files = cut(captures / "socks5.pcapng", tmp_path / "ring", 40)
    first = write_plan(tmp_path, tool, files).read_bytes()
    assert write_plan(tmp_path, tool, files[::-1]).read_bytes() == first
    made = json.loads(first)
    assert made["files"] == len(files) and len(made["windows"]) > 2
    assert made["bytes"] == sum(each["bytes"] for each in made["windows"]) == sum(f.stat().st_size for f in files)
    assert json.loads(write_plan(tmp_path, tool, []).read_text())["windows"] == []
    files[0].write_bytes(b"no capture")
    assert json.loads(write_plan(tmp_path, tool, files).read_text())["files"] == len(files)


# ---------------------------------------------------------------- what a scheduler says

@pytest.mark.parametrize(("told", "word"), [
    ("JobId=7 JobName=x JobState=COMPLETED Reason=None", "success"),
    ("JobId=7 JobState=RUNNING", "running"), ("JobId=7 JobState=NODE_FAIL", "running"),
    ("JobId=7 JobState=PENDING", "running"), ("JobId=7 JobState=FAILED", "failed"),
    ("JobId=7 JobState=TIMEOUT", "failed"), ("slurm_load_jobs error: Invalid job id specified", "failed"),
    ("slurm_load_jobs error: Unable to contact slurm controller", "running"),
])
def test_states_of_slurm(tmp_path, told, word):
    script(tmp_path / "scontrol", f"echo '{told}'")
    script(tmp_path / "sacct", "exit 1")
    done = subprocess.run([WORKFLOW / "profiles/slurm/status", "7"], capture_output=True, text=True, check=True,
                          env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.stdout.strip() == word


def test_profiles_can_be_run():
    assert (WORKFLOW / "profiles/slurm/status").stat().st_mode & stat.S_IXUSR


# ---------------------------------------------------------------- all of it

def snakemake(folder: Path) -> str:
    done = run_program("snakemake", "-s", WORKFLOW / "Snakefile", "--profile", WORKFLOW / "profiles/laptop",
                       "--configfile", folder / "config.yaml", "--cores", "2", cwd=folder, timeout=300)
    assert done.code == 0, done.text + done.stderr
    return done.text + done.stderr


@pytest.mark.skipif(not shutil.which("snakemake"), reason=NO_SNAKEMAKE)
def test_the_workflow_gives_what_the_sequence_gives(tool, captures, tmp_path):
    """Two sensors, and one without files; then nothing is done again, but for a file that is added."""
    rings = {"border": cut(captures / "socks5.pcapng", tmp_path / "border", 60),
             "office": cut(captures / "http_forward.pcapng", tmp_path / "office", 60)}
    kept = rings["border"].pop()
    kept.rename(tmp_path / kept.name)
    config = {
        "output": "out", "tool": str(tool), "options": ["--hash"], "logs": ["zeek", "csv", "ndjson"],
        "window_bytes": 40000, "look_back": 1, "look_ahead": 1,
        "sensors": {"border": "border/*.pcapng", "office": "office/*.pcapng", "none": "none/*"}}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    told = snakemake(tmp_path)
    assert "no files" in told and told.count("rule window:") >= 4
    for sensor, files in rings.items():
        run_sequence(tool, files, tmp_path / "sequences" / sensor, "--hash")
        assert differences(tmp_path / "out", sensor, tmp_path / "sequences" / sensor) == []
    whole = json.loads((tmp_path / "out/all/report.json").read_text())
    assert [each["id"] for each in whole["tunnels"]] == list(range(len(whole["tunnels"])))
    with (tmp_path / "out/all/captures.csv").open(newline="") as rows:
        assert all((tmp_path / "out" / row["file"]).exists() for row in csv.DictReader(rows))
    assert "Nothing to be done" in snakemake(tmp_path)
    (tmp_path / kept.name).rename(kept)
    again = snakemake(tmp_path)
    assert 0 < again.count("rule window:") <= 2 and again.count("rule sensor:") == 1
    assert "results of earlier plans are needed no more" in again
    run_sequence(tool, [*rings["border"], kept], tmp_path / "sequences/grown", "--hash")
    assert differences(tmp_path / "out", "border", tmp_path / "sequences/grown") == []
    (tmp_path / "config.yaml").write_text(json.dumps({**config, "options": ["--hash", "--disable", "socks5"]}))
    assert snakemake(tmp_path).count("rule window:") == told.count("rule window:") + 1
    assert not json.loads((tmp_path / "out/sensors/border/report.json").read_text())["tunnels"]
