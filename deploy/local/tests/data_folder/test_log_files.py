"""A process' log: begun anew, and read from its end."""

from pathlib import Path

from ssenet.data_folder.log_files import rotate, tail


def test_a_starting_process_gets_an_empty_log_and_keeps_the_last_three(tmp_path: Path) -> None:
    log = tmp_path / "registry.log"
    for run in range(6):
        rotate(log)
        log.write_text(f"run {run}\n", encoding="utf-8")

    kept = {path.name: path.read_text(encoding="utf-8").strip() for path in tmp_path.iterdir()}
    assert kept == {
        "registry.log": "run 5",
        "registry.log.1": "run 4",
        "registry.log.2": "run 3",
        "registry.log.3": "run 2",
    }


def test_the_end_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    log.write_text("".join(f"line {n}\n" for n in range(1000)), encoding="utf-8")

    assert tail(log, 2) == ["line 998", "line 999"]
    assert tail(tmp_path / "none.log", 2) == []
