"""One run proves all languages, and a record is evidence only for what it was made from."""

import asyncio
import json
import re
import sys
from dataclasses import replace

import nbformat
import pytest
import tomli_w

from attnlib import words
from tools.digest import digest
from tools.editions import editions
from tools.proof import in_kernel, long_cells, records, runner
from tools.proof.records import Unit

BOOTSTRAP = 'from attnlib import words\n\nwords.use("{}")  # the language'


def translated(entry):
    """Replace the letters of all texts, but not the names of the facts in them."""
    if isinstance(entry, dict):
        return {key: translated(each) for key, each in entry.items()}
    if isinstance(entry, list):
        return [translated(each) for each in entry]
    if isinstance(entry, str):
        return re.sub(r"\{\w+\}|\w", lambda m: m[0] if len(m[0]) > 1 else m[0] + "\u0307", entry)
    return entry


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """This environment, with a second catalogue of words."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "en.toml").write_bytes((words.FOLDER / "en.toml").read_bytes())
    (folder / "xx.toml").write_text(tomli_w.dumps(translated(words.catalogue("en"))), "utf-8")
    before = f"import attnlib.words, pathlib; attnlib.words.FOLDER = pathlib.Path({str(folder)!r})"
    return replace(runner.here(), name="test", before=before)


def notebook(language, *sources):
    cells = [BOOTSTRAP.format(language), *sources]
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(cells)]
    return nbformat.v4.new_notebook(cells=cells)


def plain(source):
    """A notebook that is soon run, since it needs no library."""
    cells = [nbformat.v4.new_code_cell(source, id="cell-1")]
    return Unit("small", {"en": nbformat.v4.new_notebook(cells=cells)})


def in_two_languages(*sources):
    return Unit("small", {language: notebook(language, *sources) for language in ("en", "xx")})


def run(unit, runtime):
    return asyncio.run(runner.run(unit, runtime, "key"))


def printed(record, language):
    return {
        name: "".join(output.get("text", output.get("ename", "")) for output in cell["outputs"])
        for name, cell in record.editions[language]["cells"].items()
    }


def test_a_twin_shows_what_a_run_of_its_own_shows(runtime):
    path = editions()[0].chapters[0]
    first = nbformat.read(path, 4)
    other = nbformat.read(path, 4)
    for cell in other.cells:
        cell.source = cell.source.replace('words.use("en")', 'words.use("xx")')
    together = run(Unit(path.stem, {"en": first, "xx": other}), runtime)
    for language, text in (("en", first), ("xx", other)):
        alone = run(Unit(path.stem, {language: text}), runtime)
        assert together.editions[language] == alone.editions[language]
        assert together.solutions[language] == alone.solutions[language]
        assert together.progress[language] == alone.progress[language]
    # and the two do not say the same
    assert together.editions["en"]["cells"] != together.editions["xx"]["cells"]
    assert together.solutions["en"] != together.solutions["xx"]


SAYS = "print(words.say('checks.headline.passed', exercise=1))"


DRAW = "print(random.random(), numpy.random.rand(), torch.rand(1).item())"
CELLS = [
    "import random, numpy, torch\nrandom.seed(1), numpy.random.seed(1), torch.manual_seed(1);",
    f"{SAYS}\n{DRAW}",
    f"{DRAW}\nseen = []",
    "seen.append(1)\nprint(len(seen), words.language())",
]


@pytest.fixture(scope="module")
def small(runtime):
    """What both languages print together, and the first one alone."""
    together = run(in_two_languages(*CELLS), runtime)
    alone = run(Unit("small", {"en": notebook("en", *CELLS)}), runtime)
    return printed(together, "en"), printed(together, "xx"), printed(alone, "en")


def test_random_numbers_go_on_as_if_the_cell_had_run_once(small):
    english, other, alone = small
    assert english == alone
    assert english["cell-2"].splitlines()[0] != other["cell-2"].splitlines()[0]
    assert english["cell-2"].splitlines()[1] == other["cell-2"].splitlines()[1]
    assert english["cell-3"] == other["cell-3"]


def test_a_cell_without_words_runs_once_and_in_the_first_language(small):
    english, other, _ = small
    assert english["cell-4"] == other["cell-4"] == "1 en\n"


def test_a_cell_that_changes_what_it_starts_from_has_to_be_split(runtime):
    unit = in_two_languages("seen = []", f"{SAYS}\nseen.append(1)\nprint(len(seen))")
    with pytest.raises(runner.NotRepeatable, match="cell-2"):
        run(unit, runtime)


def test_code_that_differs_between_languages_is_refused():
    with pytest.raises(ValueError, match="the code cells of small differ"):
        Unit("small", {"en": notebook("en", "x = 1"), "xx": notebook("xx", "x = 2")})


def test_a_solution_that_fails_its_check_is_recorded(runtime):
    stub = "from attnlib import checks\n\n\ndef soft_lookup(query, keys, values): ...\n\n\n"
    text = notebook("en", f"{stub}checks.check_soft_lookup(soft_lookup)", "checks.progress()")
    wrong = "```python\ndef soft_lookup(query, keys, values):\n    return values[0]\n```"
    folded = f"<details><summary>Solution</summary>\n\n{wrong}\n\n</details>"
    text.cells.insert(2, nbformat.v4.new_markdown_cell(folded, id="soft-solution"))
    record = run(Unit("small", {"en": text}), runtime)
    (result,) = record.solutions["en"]
    assert result["passed"] is False
    assert False in record.progress["en"]["done"].values()


LENT = {
    "start": "import os, random\nimport numpy as np\nimport torch\n"
    "from attnlib.plotting import progress\nnoted, where = [], os.getpid\n"
    "def inner(): return np.zeros(1).sum()\n"
    "@torch.no_grad()\ndef outer(): return inner()\n"
    "class Layer:\n    def forward(self): return self.x.numpy()",
    "long": "def told(): return kept\n(kept,) = (torch.ones(1) for _ in progress(range(1)))\n"
    "noted.append(random.random())\nwhere()",
    "after": "print(told(), noted, random.random())",
    "shows": "from IPython.display import HTML\nkept += 1\nHTML(str(where()))",
    "not picklable": "kept = (each for each in noted)\nwhere()",
    "command": "%pip --version\nnoted.append(1)",
    "numpy": "kept = np.ones(1)\nwhere()",
    "imports": "import numpy.random\nkept = 1\nwhere()",
    "function": "kept = outer()\nwhere()",
    "class": "kept = Layer() and 1\nwhere()",
    "plots": "from attnlib.plotting import subplots\nkept = subplots and 1\nwhere()",
    "broken": "kept = 1\nwhere()",
}


def test_what_a_long_cell_has_computed_is_lent(monkeypatch, tmp_path):
    monkeypatch.setattr(records, "FOLDER", tmp_path / "records")
    monkeypatch.setattr(long_cells, "LONG", 0)
    cells = [nbformat.v4.new_code_cell(text, id=name.split()[0]) for name, text in LENT.items()]
    unit = Unit("small", {"en": nbformat.v4.new_notebook(cells=cells)})
    lender = run(unit, replace(runner.here(), name="lender"))
    assert not lender.failed
    kept = {path.stem for path in tmp_path.rglob("*.pickle")}
    assert kept == {"long", "broken"}
    long_cells.place_of("lender", "small", lender.key, "broken").write_bytes(b"")
    taker = run(unit, replace(runner.here(), name="taker", lent={"small": lender}))
    one, other = (each.editions["en"]["cells"] for each in (lender, taker))
    same = {name for name in one if one[name]["outputs"] == other[name]["outputs"]}
    # As it tells by the number of the process, one cell was not computed again.
    assert {"long", "after"} <= same
    assert not same & {"shows", "not", "broken", "numpy", "imports", "function", "class", "plots"}
    assert [each["execution_count"] for each in other.values()] == list(range(1, len(LENT) + 1))


def test_what_is_larger_than_any_training_is_not_lent(monkeypatch, tmp_path):
    """A cell may take long because it reads a whole language model."""
    monkeypatch.setattr(sys.modules["__main__"], "weights", b"w" * 1000, raising=False)
    for largest, expected in ((900, False), (1_000_000, True)):
        monkeypatch.setattr(in_kernel, "LARGEST", largest)
        path = tmp_path / f"{largest}.pickle"
        assert in_kernel.keep(str(path), ["weights"], [], long=0) is expected
        assert path.exists() is expected


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Records in a folder of their own, and how many runs it took."""
    monkeypatch.setattr(records, "FOLDER", tmp_path / "records")
    monkeypatch.delenv("COLD", raising=False)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("PROVING_SINCE", raising=False)
    runs = []
    real = runner.run

    async def counted(unit, runtime, key):
        runs.append(key)
        return await real(unit, runtime, key)

    monkeypatch.setattr(runner, "run", counted)
    return runs


def get(unit):
    return asyncio.run(runner.record(unit, runner.here()))


def test_a_record_is_reused_while_all_it_depends_on_stands(kept):
    unit = plain("print(1)")
    assert get(unit) == get(unit)
    assert len(kept) == 1


def test_another_source_another_pin_or_another_library_runs_again(kept, monkeypatch, tmp_path):
    unit = plain("print(1)")
    get(unit)
    assert printed(get(plain("print(2)")), "en")["cell-1"] == "2\n"
    here = runner.here()
    other = replace(here, contents=here.contents.replace("torch==", "torch==9"))
    asyncio.run(runner.record(unit, other))
    assert len(set(kept)) == 3
    before = records.key_of(unit, "here", "")
    extra = tmp_path / "library"
    extra.mkdir()
    (extra / "new.py").write_text("x = 1")
    monkeypatch.setattr(records, "LIBRARY", extra)
    monkeypatch.setattr(records, "ROOT", tmp_path)
    monkeypatch.setattr(records, "__file__", str(extra / "records.py"))
    changed = records.key_of(unit, "here", "")
    (extra / "new.py").write_text("x = 2")
    assert len({before, changed, records.key_of(unit, "here", "")}) == 3


@pytest.mark.parametrize("cold", [{"COLD": "1"}, {"CI": "true"}])
def test_nothing_is_reused_when_told_so(kept, cold, monkeypatch):
    unit = plain("print(1)")
    get(unit)
    monkeypatch.setattr(runner, "_made_here", set())
    for name, value in cold.items():
        monkeypatch.setenv(name, value)
    get(unit)
    assert len(kept) == 2


def corrupt_output(kept):
    kept["body"] = kept["body"].replace('"1\\n"', '"7\\n"')


def corrupt_key(kept):
    body = json.loads(kept["body"])
    body["key"] = "0" * 64
    kept["body"] = json.dumps(body)
    kept["digest"] = digest(kept["body"])


def cut(kept):
    kept["body"] = kept["body"][:-40]


@pytest.mark.parametrize("corrupt", [corrupt_output, corrupt_key, cut])
def test_a_record_that_was_altered_is_none(kept, corrupt):
    unit = plain("print(1)")
    get(unit)
    (path,) = records.FOLDER.glob("here/*.json")
    stored = json.loads(path.read_text("utf-8"))
    before = dict(stored)
    corrupt(stored)
    assert stored != before
    path.write_text(json.dumps(stored), "utf-8")
    assert printed(get(unit), "en")["cell-1"] == "1\n"
    assert len(kept) == 2


def test_a_run_that_failed_is_not_kept(kept):
    unit = plain("1 / 0")
    assert printed(get(unit), "en")["cell-1"] == "ZeroDivisionError"
    get(unit)
    assert len(kept) == 2
