"""Prove the book: run the stages of `make test` in three lanes and end with one summary.

A stage that fails shows its whole output and the others still run, so that one run names all there
is to mend. Logs are kept in `.cache/prove/`. Evidence whose inputs are unchanged is reused (records
of notebooks, tests that have passed); `COLD=1` and CI prove everything anew.

    python -m tools.prove                     # all stages
    python -m tools.prove maths notebooks     # only these
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tools.stages import STAGES, Stage, waiting

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".cache" / "prove"
LANES = 3  # on two cores: who asks a browser waits for half of the time
SILENCE = 1800  # seconds without a word, after which a stage is taken to stand still
COUNTS = re.compile(r"^(\w+): proved (\d+), reused (\d+)$", re.MULTILINE)


_running: set[int] = set()  # groups of processes, to be ended with this one


@dataclass(frozen=True)
class Outcome:
    """How a stage ended."""

    stage: Stage
    passed: bool
    seconds: float
    cpu: float
    text: str


def run(stage: Stage, silence: float = SILENCE) -> Outcome:
    """Run one stage to its end, or end it with all that it has started when it stands still."""
    started = time.monotonic()
    log = LOGS / f"{stage.name}.log"
    with log.open("w", encoding="utf-8") as output:
        try:
            process = subprocess.Popen(
                stage.command,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            output.write(f"{stage.command[0]} cannot be started: {error}\n")
            output.flush()
            return Outcome(stage, False, 0, 0, log.read_text(encoding="utf-8"))
        ended, stood_still = threading.Event(), threading.Event()

        def watch() -> None:
            said, since = 0, started
            while not ended.wait(min(silence, 5)):
                now = time.monotonic()
                if (size := log.stat().st_size) != said:
                    said, since = size, now
                elif now - since > silence:
                    stood_still.set()
                    with suppress(ProcessLookupError):  # it ends just now
                        os.killpg(process.pid, signal.SIGKILL)
                    return

        threading.Thread(target=watch, daemon=True).start()
        _running.add(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        ended.set()
        _running.discard(process.pid)
        process.returncode = os.waitstatus_to_exitcode(status)
        if stood_still.is_set():
            output.write(f"\nended after {silence:.0f} s without a word: it stood still\n")
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    seconds = time.monotonic() - started
    cpu = usage.ru_utime + usage.ru_stime
    return Outcome(stage, process.returncode == 0, seconds, cpu, text)


def line_of(outcome: Outcome) -> str:
    """Return what is printed when a stage ends: a line, and all it said if it failed."""
    last = outcome.text.splitlines()[-1].strip("= ") if outcome.text else ""
    verdict = "passed" if outcome.passed else "FAILED"
    cpu = f"{outcome.cpu:4.0f} s CPU"
    line = f"▸ {outcome.stage.name:<11} {verdict}  {outcome.seconds:4.0f} s  {cpu}  {last[:80]}"
    if outcome.passed:
        return line
    rule = "─" * 100
    return f"{line}\n\n{rule}\n$ {' '.join(outcome.stage.command)}\n{outcome.text}\n{rule}\n"


class Lanes:
    """Stages side by side: whoever is free takes the stage on which most time depends."""

    def __init__(self, stages: Sequence[Stage], lanes: int = LANES) -> None:
        self._left = sorted(stages, key=waiting, reverse=True)
        self._names = {stage.name for stage in stages}
        self._lanes = lanes
        self._change = threading.Condition()
        self.outcomes: list[Outcome] = []

    def _next(self) -> Stage | None:
        """Take the next stage whose predecessors have ended; wait for one; None at the end."""
        with self._change:
            while self._left:
                ended = {outcome.stage.name for outcome in self.outcomes}
                for stage in self._left:
                    if self._names & set(stage.after) <= ended:
                        self._left.remove(stage)
                        return stage
                self._change.wait()
            return None

    def _lane(self) -> None:
        while stage := self._next():
            outcome = run(stage)
            with self._change:
                print(line_of(outcome), flush=True)
                self.outcomes.append(outcome)
                self._change.notify_all()

    def run(self) -> list[Outcome]:
        """Run all stages; return how they ended, in the order in which they did."""
        lanes = [threading.Thread(target=self._lane, daemon=True) for _ in range(self._lanes)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        return self.outcomes


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Return the last lines: what was proven, what was reused, what failed."""
    labels: dict[bool, list[str]] = {True: [], False: []}
    counts: dict[str, list[int]] = {}
    for outcome in outcomes:
        labels[outcome.passed].append(f"{outcome.stage.name} ({outcome.seconds:.0f} s)")
        for kind, proved, reused in COUNTS.findall(outcome.text):
            total = counts.setdefault(kind, [0, 0])
            total[0] += int(proved)
            total[1] += int(reused)
    passed, failed = labels[True], labels[False]
    lines = [f"\nproved in {seconds:.0f} s: {', '.join(passed) or 'nothing'}"]
    lines += [f"{kind}: proved {new}, reused {old}" for kind, (new, old) in sorted(counts.items())]
    if failed:
        lines.append(f"FAILED: {', '.join(failed)}")
    lines.append(f"stages: {len(passed)} passed, {len(failed)} failed")
    return "\n".join(lines)


def main() -> int:
    """Run the stages named on the command line, or all; 0 if every one passed."""
    known = {stage.name: stage for stage in STAGES}
    wanted = sys.argv[1:] or list(known)
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"no such stage: {', '.join(unknown)}; there are: {', '.join(known)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    os.environ.update(
        OMP_NUM_THREADS="1",
        PYTHONHASHSEED="0",
        PYTHONUTF8="1",
        PYTHONDONTWRITEBYTECODE="",  # what a hundred processes import is compiled by the first
        # What one stage of this run has proven, another one of it may use, also when COLD.
        PROVING_SINCE=str(time.time()),
        KERNELS_AT_ONCE="1" if len(wanted) > 1 else "2",
    )
    try:
        outcomes = Lanes([known[name] for name in wanted]).run()
    except KeyboardInterrupt:
        for group in _running:
            os.killpg(group, signal.SIGKILL)
        sys.exit("interrupted: nothing is proven")
    print(summary(outcomes, time.monotonic() - started))
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
