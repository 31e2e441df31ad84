"""The stages of `make test`: what each runs, what has to stand before, and how long it takes.

Each is a folder of tests, or one program. A stage that reads what another one makes names it.
"""

from dataclasses import dataclass

PROVE = ("python", "-m", "tests.evidence", "--quiet", "--durations=15", "-p", "tests.evidence")
NOT_MINE = "--ignore-glob=*/mine/*"  # what `make reset` has kept for a reader


@dataclass(frozen=True)
class Stage:
    """One part of the proof.

    Attributes:
        name: Its name.
        command: What it runs.
        seconds: How long that takes on two cores; the longest chain of stages begins first.
        after: Stages that have to end before, passed or not.
    """

    name: str
    command: tuple[str, ...]
    seconds: int
    after: tuple[str, ...] = ()


def folder(
    name: str, seconds: int, *options: str, after: tuple[str, ...] = (), prose: bool = True
) -> Stage:
    """Return the stage that runs the tests of one folder.

    Args:
        name: Its name.
        seconds: How long that takes.
        options: More of them for pytest.
        after: Stages that have to end before.
        prose: Whether programs that its tests start judge the text of chapters.
    """
    if not prose:
        options = ("--blind-to-prose", *options)
    return Stage(name, (*PROVE, f"--evidence={name}", *options, f"tests/{name}"), seconds, after)


NBVAL = ("--nbval", "-p", "tests.notebooks.strict_nbval", "notebooks", NOT_MINE)
SCRIPTS = ("tests/widgets/static/*.test.mjs", "tests/tools/*.test.mjs")

STAGES = (
    # kernels: what is computed
    Stage("format", ("ruff", "format", "--check"), 1),
    Stage("lint", ("ruff", "check"), 1),
    Stage("types", ("mypy",), 20),
    Stage("javascript", ("node", "--test", *SCRIPTS), 5),
    # What is covered, all its tests cover together.
    folder("maths", 70, "--all-or-none", "--cov=attnlib", prose=False),
    folder("house", 8, prose=False),
    folder("words", 2, prose=False),
    folder("plotting", 20, prose=False),
    folder("widgets", 20, prose=False),
    folder("growth", 95, prose=False),
    folder("checks", 120, prose=False),  # answers that never end are left running
    folder("tools", 100, prose=False),
    Stage("records", ("python", "-m", "pytest", "--quiet", *NBVAL), 300),
    folder("notebooks", 150, after=("records",), prose=False),
    # What these two would train again, they take from the records, where they stand.
    folder("colab", 240, after=("records",), prose=False),
    folder("lab", 80, after=("records",)),
    # pages: what is built
    folder("pages", 4),
    folder("translations", 5),
    Stage("book", ("make", "--no-print-directory", "book"), 70),
    folder("site", 55, after=("book",)),
    folder("browser", 300, after=("book",)),
    folder("figures", 165, after=("book",)),
    folder("copies", 100, after=("book",)),
    folder("engines", 70, after=("book",)),
    Stage("derived", ("python", "-m", "tests.editions.pseudo"), 80, ("records",)),
    folder("editions", 120, after=("derived",)),
)


def waiting(stage: Stage) -> int:
    """Return how many seconds depend on a stage: its own, and those of what comes after it."""
    followers = [each for each in STAGES if stage.name in each.after]
    return stage.seconds + max((waiting(each) for each in followers), default=0)
