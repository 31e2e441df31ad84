"""Each translation is in step with its original: nothing stale, nothing lost, the same code."""

import json
import re
from collections import Counter

import pytest

from tests.translations.markdown import numbers, taken
from tools.editions import editions
from tools.proof.records import LANGUAGE
from tools.translations import KEY, all_translated, cells, in_notebook, translated, without_address

SOURCE, *OTHERS = editions()
PARTS = {part.place: part for part in all_translated()}
NOTEBOOKS = {f"{each.language}-{path.stem}": path for each in OTHERS for path in each.notebooks}
EDITION_OF = {part.place: each for each in OTHERS for part in translated(each, SOURCE)}
HTML, VIEW = "text/html", "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


@pytest.fixture(params=NOTEBOOKS)
def pair(request):
    """The cells of a notebook and of its original."""
    path = NOTEBOOKS[request.param]
    files = path, SOURCE.chapters_folder / path.name
    return [cells(each.read_text(encoding="utf-8")) for each in files]


def test_there_are_translations():
    assert len(PARTS) > 100 * len(OTHERS)
    assert len(NOTEBOOKS) >= len(OTHERS)


@pytest.mark.parametrize("place", PARTS)
def test_it_translates_the_original_as_it_reads_now(place):
    """If not: `make stale` shows what has changed."""
    assert not PARTS[place].is_stale


def differences(part, edition):
    """Return what a translation has and its original lacks, and the other way round, by kind."""
    mine, theirs = (
        taken(without_address(part.text), part.path),
        taken(part.original, part.original_path),
    )
    said = Counter(numbers(mine.prose, edition.translation.get("units", {})))
    asked = Counter(numbers(theirs.prose, SOURCE.translation.get("units", {})))
    kinds = {"numbers": (said, asked)}
    for kind in {*mine.structure, *theirs.structure}:
        lists = [each.structure.get(kind, []) for each in (mine, theirs)]
        if lists[0] != lists[1]:
            kinds[kind] = tuple(Counter(each) for each in lists)
            if kinds[kind][0] == kinds[kind][1]:
                kinds[kind] = Counter(["another order"]), Counter()
    for kind in {*mine.loose, *theirs.loose}:
        kinds[kind] = tuple(each.loose.get(kind, Counter()) for each in (mine, theirs))
    found = {}
    for kind, (here, there) in sorted(kinds.items()):
        more = [f"+ {each}" for each in (here - there).elements()]
        less = [f"- {each}" for each in (there - here).elements()]
        if more or less:
            found[kind] = sorted(more + less)
    return found


@pytest.mark.parametrize("place", PARTS)
def test_it_has_what_the_original_has(place):
    """Formulas, links, numbers, code, directives …; what may differ, the edition says."""
    if PARTS[place].is_stale:
        return  # the test above says so; what differs is that the one has changed
    edition = EDITION_OF[place]
    differs = edition.translation.get("differs", {})
    assert differences(PARTS[place], edition) == differs.get(place, {})


def test_what_may_differ_is_there():
    for each in OTHERS:
        assert {*each.translation.get("differs", {})} <= {*PARTS}, each.language


@pytest.mark.parametrize("edition", OTHERS, ids=lambda each: each.language)
def test_all_pages_are_there(edition):
    """Chapters may follow later."""
    assert [path.name for path in edition.pages] == [path.name for path in SOURCE.pages]
    count = len(edition.notebooks)
    assert [p.name for p in edition.notebooks] == [p.name for p in SOURCE.notebooks[:count]]
    assert edition.readme.is_file()


def test_cells_have_the_same_ids_tags_and_code(pair):
    mine, theirs = pair
    assert list(mine) == list(theirs)
    for name, cell in mine.items():
        original = theirs[name]
        assert cell["cell_type"] == original["cell_type"], name
        ours, others = (set(each["metadata"]) for each in (cell, original))
        assert ours - {KEY} == others, name
        assert cell["metadata"].get("tags") == original["metadata"].get("tags"), name
        if cell["cell_type"] == "code":
            code = ["".join(each["source"]) for each in (cell, original)]
            if name == "bootstrap":
                code = [LANGUAGE.sub("", each) for each in code]
            assert code[0] == code[1], name


def shown(output):
    """Return what an output shows, apart from words: its kinds, and its text or the numbers in it.

    What checks and figures say is in words; pictures have them in their legends.
    """
    data = output.get("data", {})
    text = "".join(output.get("text", data.get("text/plain", "")))
    if {HTML, VIEW} & data.keys():
        text = Counter(re.findall(r"\d+(?:\.\d+)*", text))
    return output["output_type"], sorted(data), text


def test_cells_show_the_same_but_for_words(pair):
    mine, theirs = pair
    for name in mine:
        outputs = [each[name].get("outputs", []) for each in pair]
        assert list(map(shown, outputs[0])) == list(map(shown, outputs[1])), name
    assert any(cell.get("outputs") for cell in theirs.values())


# What widgets say; and the style, which brings the characters along of what is said.
SAID = {"words", "head_names", "_css", "description", "_options_labels"}


def states(path):
    """Return what the widgets of a notebook start with: model -> field -> value, without words."""
    saved = json.loads(path.read_text(encoding="utf-8"))["metadata"]["widgets"][STATE]["state"]
    return {
        name: {key: each for key, each in model["state"].items() if key not in SAID}
        for name, model in saved.items()
    }


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_figures_start_the_same_but_for_words(name):
    """So tests that move figures move those of one edition."""
    path = NOTEBOOKS[name]
    mine, theirs = states(path), states(SOURCE.chapters_folder / path.name)
    assert mine == theirs
    assert any("_anywidget_id" in state for state in theirs.values())


def test_the_readme_leads_to_all_of_them():
    for each in OTHERS:
        name = each.readme.name
        assert f"]({name})" in (each.root / "README.md").read_text(encoding="utf-8")
        assert "](README.md)" in each.readme.read_text(encoding="utf-8")


def test_a_changed_original_is_named(tmp_path):
    """One word of one cell, and one part is stale."""
    for edition in OTHERS:
        path = edition.notebooks[1]
        folder = tmp_path / edition.language
        original = SOURCE.chapters_folder / path.name
        notebook = json.loads(original.read_text(encoding="utf-8"))
        cell = next(each for each in notebook["cells"] if each["cell_type"] == "markdown")
        cell["source"] = ["Changed. ", *cell["source"]]
        folder.mkdir()
        (folder / "original.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
        (folder / "mine.ipynb").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        parts = list(in_notebook(folder / "mine.ipynb", folder / "original.ipynb", tmp_path))
        name = path.relative_to(edition.root).as_posix()
        before = {p.cell for p in PARTS.values() if p.path.as_posix() == name and p.is_stale}
        assert {part.cell for part in parts if part.is_stale} - before == {cell["id"]}
