"""Gives edge-fer damaged bundles, media and result files, and reports which commands did not bear them.

python tests/fuzz/run.py --bundles 2000 --media 400 --results 250 --seed 7 --jobs 2 --json out.json --keep kept/
python tests/fuzz/run.py --seconds 60
python tests/fuzz/run.py --only bundles:1234 --seed 7 --keep here/

The exit code is 1 if anything did not hold: a traceback, a signal, more than 10 s, more than 512 MB in the command's
own process, another exit code than the documented ones, no clear line, or raw control characters.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

TESTS: Final = Path(__file__).resolve().parents[1]
ROOT: Final = TESTS.parent
sys.path.insert(0, str(TESTS))

from fuzz import kept  # noqa: E402 (the package is found through the line above)
from fuzz.case import GENERATORS  # noqa: E402
from fuzz.films import write_films  # noqa: E402
from fuzz.watch import MAX_SECONDS, VERDICTS  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARES: Final = {"bundles": 12, "media": 3, "results": 2}
"""How many of each kind take turns in a run that is limited by time."""
ANSWER_S: Final = 30 * MAX_SECONDS
"""A nursery that does not answer for so long is ended, and another one started."""
PROGRESS_S: Final = 10
FRESH_AFTER: Final = 400
"""Jobs after which a nursery is replaced, so that what its generators leave in memory does not add up."""


@dataclass
class Tally:
    """What has been found so far."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, answer: dict[str, Any]) -> None:
        """Add what a nursery said about one input."""
        with self.lock:
            self.answers.append(answer)

    def failures(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return each command that did not hold, with its input."""
        return [(answer, ended) for answer in self.answers for ended in answer["ended"] if ended["verdict"]]


class Nursery:
    """One warm process of `fuzz.nursery`."""

    def __init__(self, kinds: list[str]) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        # The sources of this clone where they are, for the forks and for the processes that confirm.
        folders = [TESTS, ROOT, ROOT / "convert", ROOT / "benchmarks", ROOT / "devices"]
        environment["PYTHONPATH"] = os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fuzz.nursery", *kinds],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self.jobs = 0

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to *job*; of a nursery that died, one that says so."""
        self.jobs += 1
        timer = threading.Timer(ANSWER_S, self._process.kill)
        timer.start()
        try:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            return json.loads(line)
        except (OSError, ValueError):
            self._process.wait()
            return {**job, "damage": "", "ended": [], "generator": f"the nursery ended: {self._process.returncode}"}
        finally:
            timer.cancel()

    @property
    def usable(self) -> bool:
        """Whether it lives and is young enough."""
        return self._process.poll() is None and self.jobs < FRESH_AFTER

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None and self._process.poll() is None:
            self._process.stdin.close()
            self._process.wait()


def main() -> int:
    """Run the command line; return its exit code."""
    options = _options()
    began = time.monotonic()
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="edge-fer-fuzz-") as name:
        folder = Path(name)
        base = folder / "base"
        base.mkdir()
        write_films(base)
        jobs = _jobs(options)
        kinds = sorted(_kinds(options))
        lock = threading.Lock()
        workers = [
            threading.Thread(target=_work, args=(jobs, lock, kinds, folder / str(number), base, tally, options.keep))
            for number in range(options.jobs)
        ]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            workers[0].join(PROGRESS_S) if workers[0].is_alive() else time.sleep(PROGRESS_S)
            _progress(tally, began)
    seconds = time.monotonic() - began
    failures = tally.failures()
    broken = [answer for answer in tally.answers if answer["generator"]]
    click.echo(_table(tally, options.seed, seconds))
    if options.json:
        options.json.write_text(json.dumps(_as_dict(tally, options.seed, seconds), indent=1))
    for answer in broken[:5]:
        click.echo(f"no input: {_name(answer)}: {answer['generator'][-600:]}", err=True)
    return 1 if failures or broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind in GENERATORS:
        parser.add_argument(f"--{kind}", type=int, default=0, metavar="N", help=f"how many damaged {kind}")
    parser.add_argument("--seconds", type=float, help="run a mix of all kinds for this time instead")
    parser.add_argument(
        "--only", action="append", default=[], metavar="KIND:N", help="repeat this input; may be repeated"
    )
    parser.add_argument("--start", type=int, default=0, metavar="N", help="number of the first input of each kind")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31), help="by default another one each time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="inputs at once; by default one a core")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was seen to this file")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep one input of each fault in this folder")
    options = parser.parse_args()
    if not (options.seconds or options.only or any(getattr(options, kind) for kind in GENERATORS)):
        parser.error("pass --seconds, --only, or a number of inputs, such as --bundles 100")
    return options


def _kinds(options: argparse.Namespace) -> set[str]:
    if options.seconds:
        return set(GENERATORS)
    asked = {kind for kind in GENERATORS if getattr(options, kind)}
    return asked | {only.partition(":")[0] for only in options.only}


def _jobs(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield what is to be tried."""
    for only in options.only:
        kind, _, index = only.partition(":")
        yield {"kind": kind, "seed": options.seed, "index": int(index)}
    if options.seconds:
        end = time.monotonic() + options.seconds
        for turn in count():
            for kind, share in SHARES.items():
                for number in range(share):
                    if time.monotonic() > end:
                        return
                    yield {"kind": kind, "seed": options.seed, "index": options.start + turn * share + number}
    for kind in GENERATORS:
        for index in range(getattr(options, kind)):
            yield {"kind": kind, "seed": options.seed, "index": options.start + index}


def _work(
    jobs: Iterator[dict[str, Any]], lock: threading.Lock, kinds: list[str], folder: Path, base: Path, tally: Tally,
    keep: Path | None,
) -> None:  # fmt: skip
    """Take jobs until there are none, each in a folder of its own."""
    nursery = Nursery(kinds)
    try:
        for number in count():
            with lock:
                job = next(jobs, None)
            if job is None:
                return
            if not nursery.usable:
                nursery.close()
                nursery = Nursery(kinds)
            place = folder / str(number)
            answer = nursery.ask({**job, "folder": str(place), "base": str(base)})
            tally.add(answer)
            if keep is not None and any(ended["verdict"] for ended in answer["ended"]):
                with lock:
                    kept.keep(keep, answer, base)
            shutil.rmtree(place, ignore_errors=True)
    finally:
        nursery.close()


def _progress(tally: Tally, began: float) -> None:
    faults = len(tally.failures())
    click.echo(f"{time.monotonic() - began:5.0f} s: {len(tally.answers)} inputs, {faults} faults", err=True)


def _name(answer: dict[str, Any]) -> str:
    return f"{answer['kind']}:{answer['index']}"


def _table(tally: Tally, seed: int, seconds: float) -> str:
    """Return what was found as Markdown."""
    heads = ["kind", "inputs", "commands", *VERDICTS, "largest MB", "slowest s"]
    lines = [f"seed {seed}, {seconds:.0f} s", "", f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for kind in GENERATORS:
        answers = [answer for answer in tally.answers if answer["kind"] == kind]
        ended = [one for answer in answers for one in answer["ended"]]
        if not ended:
            continue
        verdicts = Counter(one["verdict"] for one in ended)
        peak = max(one["peak_mb"] for one in ended)
        slowest = max(one["seconds"] for one in ended)
        cells = [
            kind,
            len(answers),
            len(ended),
            *(verdicts[verdict] for verdict in VERDICTS),
            f"{peak:.0f}",
            f"{slowest:.1f}",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    groups = _groups(tally)
    if groups:
        lines += [
            "",
            "| what | command | how often | where | for example | damage |",
            "| --- | --- | ---: | --- | --- | --- |",
        ]
    for (verdict, command, where), members in sorted(groups.items(), key=lambda group: -len(group[1])):
        first = min(members, key=lambda answer: answer["index"])
        cells = [verdict, command, len(members), where, _name(first), first["damage"]]
        lines.append("| " + " | ".join(str(cell).replace("|", "¦").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)


def _groups(tally: Tally) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """Return the inputs of each fault. A signal has no place, so what was damaged tells signals apart."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for answer, ended in tally.failures():
        where = ended["where"]
        if ended["verdict"] in {"signal", "hang", "memory"}:
            where += f" ({answer['damage'].split(',')[0][:60]})"
        command = " ".join(ended["args"][: 2 if ended["args"][0] == "bench" else 1])
        groups[ended["verdict"], command, where].append(answer)
    return groups


def _as_dict(tally: Tally, seed: int, seconds: float) -> dict[str, Any]:
    kinds = {}
    for kind in GENERATORS:
        ended = [one for answer in tally.answers if answer["kind"] == kind for one in answer["ended"]]
        if ended:
            kinds[kind] = {
                "inputs": sum(answer["kind"] == kind for answer in tally.answers),
                "commands": len(ended),
                "verdicts": dict(Counter(one["verdict"] for one in ended)),
                "exit_codes": dict(Counter(str(one["code"]) for one in ended)),
                "largest_mb": max(one["peak_mb"] for one in ended),
                "largest_child_mb": max(one["children_mb"] for one in ended),
                "slowest_s": max(one["seconds"] for one in ended),
                "with_lines_of_others": sum(one["foreign"] > 0 for one in ended),
                "only_after_a_fork": sum(not one["verdict"] and bool(one["where"]) for one in ended),
            }
    failures = [
        {"input": _name(answer), "seed": answer["seed"], "damage": answer["damage"], **ended}
        for answer, ended in tally.failures()
    ]
    broken = [_name(answer) for answer in tally.answers if answer["generator"]]
    return {"seed": seed, "seconds": round(seconds, 1), "kinds": kinds, "failures": failures, "no_input": broken}


if __name__ == "__main__":
    sys.exit(main())
