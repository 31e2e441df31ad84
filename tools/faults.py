"""Plant faults, one by one, in a copy of the repository: the stage that guards must go red.

    python -m tools.faults                    # all
    python -m tools.faults digit link         # only these

A guard that stays green, a fault that no longer applies and a guard that is red without any fault
are failures. The copy has the environment, the built site and the records of this tree: so run
`make test` first.
"""

import re
import sys
import tempfile
import time
from pathlib import Path

from tools.fault_table import FAULTS, SITE, Fault
from tools.planting import DoesNotApply
from tools.working_copy import WorkingCopy

BUILT = (SITE, ".cache/records", "book/_static/vendor")


class Copy(WorkingCopy):
    """A copy of the working tree in which faults are planted, and mended again."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, BUILT, (".venv", "node_modules"))

    def try_out(self, fault: Fault) -> str | None:
        """Plant a fault, run its guard, mend it; return what is wrong with the guard, or None."""
        path = next(iter(sorted(self.root.glob(fault.where))), None)
        if path is None:
            return f"there is no {fault.where}"
        whole = path.read_bytes()
        try:
            fault.plant(path)
            if path.read_bytes() == whole:
                return "the fault changes nothing"
            done = self.run(*fault.guard)
        except (DoesNotApply, StopIteration, KeyError) as error:
            return f"it no longer applies: {error}"
        finally:
            path.write_bytes(whole)
        if done.returncode == 0:
            return "the guard stayed green"
        if not re.search(fault.says, done.stdout):
            said = done.stdout[-1500:]
            return f"the guard failed, but says nothing like {fault.says!r}:\n{said}"
        return None


def main() -> int:
    """Plant the faults named on the command line, or all; 0 if each was caught."""
    wanted = sys.argv[1:] or [fault.name for fault in FAULTS]
    known = {fault.name: fault for fault in FAULTS}
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"no such fault: {', '.join(unknown)}; there are: {', '.join(known)}")
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        for guard in dict.fromkeys(known[name].guard for name in wanted):
            done = copy.run(*guard)
            if done.returncode != 0:
                missed.append(f"red without any fault: {' '.join(guard)}")
                print(f"✗ {missed[-1]}\n{done.stdout[-3000:]}", flush=True)
        for name in wanted:
            started = time.monotonic()
            wrong = copy.try_out(known[name])
            seconds = time.monotonic() - started
            shown = [part for part in known[name].guard if "/" in part] or known[name].guard
            verdict = "caught" if wrong is None else "MISSED"
            print(f"{name:<20} {verdict}  {seconds:4.0f} s  {' '.join(shown)}", flush=True)
            if wrong is not None:
                missed.append(f"{name}: {wrong}")
    print(f"\nfaults: {len(wanted)} planted, {len(missed)} missed")
    for each in missed:
        print(f"✗ {each}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
