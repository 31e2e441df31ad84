"""The latest result of each check, in this session of Python.

Nothing is written anywhere. The reader's answers are in the notebook, and running it again brings
the results back; so progress can neither be lost without them nor claim what they no longer show.
"""

from attnlib.checks.engine.result import Result

_results: dict[str, Result] = {}


def record(result: Result) -> Result:
    """Remember the latest result of its check."""
    _results[result.check] = result
    return result


def results() -> dict[str, Result]:
    """Return the latest results by name of the check."""
    return dict(_results)


def forget() -> None:
    """Begin anew."""
    _results.clear()
