"""The faults that `make faults` plants, each with the guard that must catch it.

A guard is the smallest part of a stage that must go red.
"""

from dataclasses import dataclass

from tools import planting
from tools.editions import editions
from tools.planting import Plant, cell

SITE = "book/_build/html"


def pytest(*arguments: str) -> tuple[str, ...]:
    """Return a command that runs some tests."""
    return ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", *arguments)


def nbval(path: str) -> tuple[str, ...]:
    """Return a command that compares a notebook with its record."""
    return pytest("--nbval", "-p", "tests.notebooks.strict_nbval", path)


def some(path: str, *words: str) -> tuple[str, ...]:
    """Return a command that runs the tests of a file that have these words in their names."""
    return pytest(path, "-k", " and ".join(words))


FIRST, MASKS = "notebooks/en/01_query_key_value.ipynb", "notebooks/en/03_masks.ipynb"
ALONE = "notebooks/en/07_transformer_block.ipynb"  # no translation has to have the same code
OTHER = editions()[-1]  # an edition that is a translation
THEIRS = f"notebooks/{OTHER.language}/04_multi_head.ipynb"
IN_STEP = pytest("tests/translations/test_in_step.py", "-k", "04_multi_head")
ITS_LANGUAGE = pytest("tests/translations/test_language.py")
COMMITTED = pytest("tests/notebooks/test_committed.py")
RECORDS = pytest(
    "tests/notebooks/test_records.py", "-k", "(01_query or 03_masks) and not of_this_copy"
)
CAUSAL = some("tests/checks/test_answers.py", "causal_mask")
SECOND_EDITION = (
    "sh",
    "-c",
    "python -m tests.editions.pseudo && "
    f"{' '.join(pytest('tests/editions'))} -k 'notation and (english or search_engines)'",
)


@dataclass(frozen=True)
class Fault:
    """A fault, and the guard that must catch it.

    Attributes:
        name: Its name.
        where: The file that is spoilt; the first one that fits the pattern.
        plant: How.
        guard: The command that must fail.
        says: A pattern that the guard must print: it fails for this fault, not for another.
    """

    name: str
    where: str
    plant: Plant
    guard: tuple[str, ...]
    says: str


FAULTS = (
    Fault(
        "digit",
        MASKS,
        cell(planting.prints_a_number, planting.change_a_digit),
        nbval(MASKS),
        "FAILED.*03_masks",
    ),
    Fault(
        "pixel",
        MASKS,
        cell(planting.shows_a_picture(live=False), planting.paint_over),
        nbval(MASKS),
        "FAILED.*03_masks",
    ),
    Fault(
        "stale-picture",
        MASKS,
        cell(planting.shows_a_picture(live=True), planting.paint_over),
        nbval(MASKS),
        "FAILED.*live-figure",
    ),
    Fault(
        "missing-output",
        MASKS,
        cell(planting.prints_a_number, planting.remove_outputs),
        nbval(MASKS),
        "FAILED.*03_masks",
    ),
    Fault(
        "cell-not-run",
        MASKS,
        cell(planting.prints_a_number, planting.unrun),
        nbval(MASKS),
        "FAILED.*03_masks",
    ),
    Fault(
        "trait",
        MASKS,
        planting.widget_state(r'"scores": \[\s*\[\s*[\d.]+', '"scores": [ [ 9.0'),
        nbval(MASKS),
        "FAILED.*widget-state",
    ),
    Fault(
        "opted-out",
        MASKS,
        cell(planting.prints_a_number, planting.add_code("# NBVAL_IGNORE_OUTPUT")),
        nbval(MASKS),
        "FAILED.*03_masks",
    ),
    Fault(
        "changed-result",
        "attnlib/masks.py",
        planting.replace(r"(return .*)<=(.*)$", r"\1<\2"),
        nbval(MASKS),
        "FAILED.*03_masks",
    ),
    Fault(
        "glyph-warning",
        FIRST,
        cell(
            lambda each: each.cell_type == "code" and "plt.show()" in each.source,
            lambda each: each.update(
                source=each.source.replace("plt.show()", 'plt.title("\\u1f3b")\nplt.show()', 1)
            ),
        ),
        nbval(FIRST),
        "FAILED.*01_query_key_value",
    ),
    Fault(
        "file-left-behind",
        ALONE,
        cell(
            lambda each: each.id == "imports",
            planting.add_code('open("left.txt", "w").close()'),
        ),
        some("tests/notebooks/test_records.py", "07_transformer", "nothing_is_left"),
        "test_nothing_is_left_beside_the_notebook",
    ),
    Fault(
        "wrong-solution",
        FIRST,
        cell(*planting.in_source(r"^    return \[sum\(w \* value", "    return [sum(value")),
        RECORDS,
        "test_solutions_pass_their_checks_in_their_notebook",
    ),
    Fault(
        "first-cell-differs",
        FIRST,
        cell(lambda each: each.id == "bootstrap", planting.add_code("import math")),
        COMMITTED,
        "test_the_bootstrap_cell",
    ),
    Fault(
        "no-alternative-text",
        MASKS,
        cell(planting.shows_a_picture(live=False), planting.remove_alternative_text),
        COMMITTED,
        "test_every_picture_has_an_alternative_text",
    ),
    Fault(
        "english-in-code",
        MASKS,
        cell(planting.prints_a_number, planting.add_code('print("these are English words")')),
        COMMITTED,
        "test_code_prints_no_prose",
    ),
    Fault(
        "maths",
        "attnlib/functional.py",
        planting.replace(r"softmax\(dim=-1\)", "softmax(dim=-2)"),
        pytest("tests/maths/test_functional.py"),
        "FAILED",
    ),
    Fault(
        "cached-tokens-begin-anew",
        "attnlib/multihead.py",
        planting.replace(r"offset=past", "offset=0"),
        pytest("tests/maths/test_cache.py"),
        "FAILED.*test_token_by_token",
    ),
    Fault(
        "javascript-number",
        "attnlib/widgets/static/common.js",
        planting.replace(r"Math\.exp\(", "1.001 * Math.exp(2 * "),
        ("node", "--test", "tests/widgets/static/*.test.mjs"),
        "not ok|✖",
    ),
    Fault(
        "javascript-forward-pass",
        "attnlib/widgets/static/transformer.js",
        planting.replace(r"normFirst \? sum", "!normFirst ? sum"),
        pytest("tests/widgets/test_transformer_js.py"),
        "FAILED.*test_every_part_and_every_block",
    ),
    Fault(
        "another-model-is-kept",
        "attnlib/widgets/reading_model.py",
        planting.replace(r"if off > MARGIN", "if off > 2"),
        pytest("tests/tools/test_trained.py"),
        "FAILED.*test_what_does_something_else",
    ),
    Fault(
        "another-translator-is-kept",
        "attnlib/widgets/translator_model.py",
        planting.replace(r"if not other or", "if True or"),
        pytest("tests/tools/test_trained.py"),
        "FAILED.*test_translators_are_compared",
    ),
    Fault(
        "cache-that-forgets-a-position",
        "attnlib/widgets/static/transformer.js",
        planting.replace(r"cache \? cache\.length : 0", "0"),
        pytest("tests/widgets/test_cache_lab.py"),
        "FAILED.*test_node_agrees_on_every_bug",
    ),
    Fault(
        "head-that-is-off-in-the-other-layer",
        "attnlib/widgets/static/induction_model.js",
        planting.replace(r"on\.slice\(l \* heads, \(l \+ 1\) \* heads\)", "on.slice(0, heads)"),
        pytest("tests/widgets/test_induction.py"),
        "FAILED.*test_node_goes_on_from_two_hundred_texts",
    ),
    Fault(
        "import-points-back",
        "attnlib/masks.py",
        planting.append("\n\ndef late():\n    from attnlib import widgets\n"),
        pytest("tests/house/test_import_graph.py"),
        "test_imports_point_one_way",
    ),
    Fault(
        "unpinned",
        "requirements.txt",
        planting.replace(r"^matplotlib==", "matplotlib>="),
        pytest("tests/house/test_packages.py"),
        "test_every_python_package_is_pinned_exactly",
    ),
    Fault(
        "newer-than-colab",
        "pyproject.toml",
        planting.replace(r"ipywidgets>=[\d.]+", "ipywidgets>=8"),
        pytest("tests/colab/test_versions.py"),
        "test_what_colab_has_is_enough",
    ),
    Fault(
        "other-library-inside",
        "attnlib/masks.py",
        planting.append("\n# newer than what the pages offer to download\n"),
        pytest("tests/site/test_downloads.py"),
        "test_it_is_the_chapter_cell_for_cell_and_carries_the_library",
    ),
    Fault(
        "type",
        "attnlib/words/__init__.py",
        planting.append("\n\nwrong: int = language()\n"),
        ("mypy",),
        "Incompatible types",
    ),
    Fault(
        "lint",
        "attnlib/masks.py",
        planting.append("\n\nimport os\n"),
        ("ruff", "check"),
        "F401|E402",
    ),
    Fault(
        "lost-fact",
        "attnlib/words/en.toml",
        planting.replace(r"^passed = .*$", 'passed = "done"'),
        pytest("tests/checks/test_texts.py"),
        "test_headlines_name_what_they_are_about",
    ),
    Fault(
        "wrong-diagnosis",
        "attnlib/checks/chapters/c03_masks.py",
        planting.replace(r'\(\*ids, "upper_left"\)', '(*ids, "triangle_mirrored")'),
        CAUSAL,
        "FAILED.*causal_mask",
    ),
    Fault(
        "check-always-passes",
        "attnlib/checks/engine/comparing.py",
        planting.replace(
            r"^    if outcome\.timed_out:", "    return None\n    if outcome.timed_out:"
        ),
        CAUSAL,
        "FAILED.*test_a_check_can_fail",
    ),
    Fault(
        "stale-script",
        "attnlib/widgets/static/mask_lab.js",
        planting.append("\n// changed\n"),
        nbval(MASKS),
        "FAILED.*figure-pictures",
    ),
    Fault(
        "stale-style",
        "attnlib/widgets/static/mask_lab.css",
        planting.append("\n.attn-mask-changed { color: inherit; }\n"),
        nbval(MASKS),
        "FAILED.*figure-pictures",
    ),
    Fault(
        "formula-cut-off",
        f"{SITE}/_static/book.css",
        planting.append("\n.bd-article div.math { overflow: hidden !important; }\n"),
        some("tests/browser/test_every_page.py", "every_text", "large_letters", "02_"),
        "FAILED.*brought_into_view",
    ),
    Fault(
        "focus-unseen",
        f"{SITE}/_static/book.css",
        planting.append(
            "\nhtml body .btn.btn:focus-visible:focus-visible { outline: none !important; }\n"
        ),
        some("tests/browser/test_every_page.py", "focus_is_seen", "faq"),
        "FAILED.*test_the_focus_is_seen",
    ),
    Fault(
        "forced-colours-lost",
        f"{SITE}/**/03_masks.html",
        planting.replace(r"forced-color-adjust: none", "forced-color-adjust: auto"),
        some("tests/browser/test_every_page.py", "forced_colours", "03_"),
        "FAILED.*seen_in_forced_colours",
    ),
    Fault(
        "figure-without-anchor",
        f"{SITE}/**/03_masks.html",
        planting.replace('id="figure-3-1"', ""),
        some("tests/site/test_anchors.py", "each_figure", "03_masks"),
        "FAILED.*test_each_figure_has_an_anchor",
    ),
    Fault(
        "broken-link",
        f"{SITE}/**/faq.html",
        planting.replace(r'href="([\w./]+)\.html#', r'href="\1.html#no-'),
        some("tests/site/test_links.py", "lead_somewhere", "faq"),
        "FAILED.*test_links_lead_somewhere",
    ),
    Fault(
        "foreign-request",
        f"{SITE}/**/faq.html",
        planting.replace("</body>", '<script src="https://example.org/x.js"></script></body>'),
        some("tests/site/test_links.py", "nothing_foreign", "faq"),
        "FAILED.*test_pages_load_nothing_foreign",
    ),
    Fault(
        "no-alt-in-page",
        f"{SITE}/**/03_masks.html",
        planting.replace(r'(<img width="\d+" height="\d+" )alt="[^"]+"', r"\1"),
        some("tests/site/test_pages.py", "says_what_it_shows", "03_masks"),
        "FAILED.*test_every_picture_says_what_it_shows",
    ),
    Fault(
        "no-description",
        "book/en/edition.toml",
        planting.replace(r"^faq = .*\n", ""),
        some("tests/site/test_link_previews.py", "own_description"),
        "KeyError: 'faq'",
    ),
    Fault(
        "heading-without-target",
        "book/en/faq.md",
        planting.replace(r"^\(faq-masks\)=\n", ""),
        some("tests/site/test_anchors.py", "shared_one", "faq"),
        "no target above",
    ),
    Fault(
        "chapter-not-listed",
        "book/en/intro.md",
        planting.replace("<!-- chapters -->", ""),
        some("tests/notebooks/test_chapters.py", "is_listed"),
        "FAILED.*introduction",
    ),
    Fault(
        "editions-not-told-at-the-door",
        "tools/site/front_pages.py",
        planting.replace('<link rel="alternate" hreflang="{tag}"', '<link rel="alternate"'),
        some("tests/site/test_front_pages.py", "first_page"),
        "FAILED.*test_the_first_page_knows_all_editions",
    ),
    Fault(
        "editions-not-told-on-pages",
        "book/_ext/language_switch.py",
        planting.replace(r'\("x-default", found\[0\]\)', '("x-default", found[-1])'),
        SECOND_EDITION,
        "FAILED.*test_search_engines_are_told_of_both",
    ),
    Fault(
        "hard-wired-word",
        "book/_templates/language-switch.html",
        planting.append("<span>Hard wired</span>\n"),
        SECOND_EDITION,
        "FAILED.*test_a_page_leaves_nothing_in_english",
    ),
    Fault(
        "hard-wired-english",
        "attnlib/checks/engine/result.py",
        planting.replace(r'say\("label.called"\)', '"called with"'),
        pytest("tests/editions/test_what_checks_say.py"),
        "FAILED.*test_of_every_known_mistake",
    ),
    Fault(
        "forged-result-believed",
        "attnlib/checks/report/in_kernel.py",
        planting.replace(r"is not _JUDGING", "is None"),
        pytest("tests/checks/report/test_running.py", "-k", "no_check_gave"),
        "FAILED.*test_a_result_that_no_check_gave",
    ),
    Fault(
        "overweight-page",
        f"{SITE}/**/faq.html",
        planting.append_noise(1000),
        some("tests/browser/test_every_page.py", "its_weight", "faq"),
        "FAILED.*test_its_weight",
    ),
    Fault(
        "rule-that-pages-need-cut",
        f"{SITE}/_static/styles/pydata-sphinx-theme.css",
        planting.replace(r"\.prev-next-area\{[^}]*\}", ""),
        some("tests/browser/test_every_page.py", "rules_that_were_cut", "desk", "faq"),
        "FAILED.*rules_that_were_cut",
    ),
    Fault(
        "chinese-left-behind",
        f"{SITE}/**/faq.html",
        planting.replace("</h1>", "龘</h1>"),
        some("tests/site/test_assets.py", "brings_the_chinese", "faq"),
        "they lack 龘",
    ),
    Fault(
        "chinese-loaded-by-all",
        f"{SITE}/**/_static/fonts/chinese.css",
        planting.replace(r'local\("NotoSansCJKsc-\w+"\), ', ""),
        some("tests/browser/test_machines.py", "drawn_with", "with-"),
        "FAILED.*drawn_with",
    ),
    Fault(
        "wrong-number-in-figure",
        f"{SITE}/**/03_masks.html",
        planting.replace(r"Math\.exp\(", "Math.exp(1.01 * "),
        some("tests/figures/test_figure_numbers.py", "opens_in", "mask"),
        "FAILED.*test_figure_numbers",
    ),
    Fault(
        "number-of-one-edition",
        f"{SITE}/{OTHER.language}/03_masks.html",
        planting.replace(r'"valid_len":3', '"valid_len":4'),
        some("tests/site/test_twins.py", "03_masks"),
        "FAILED.*test_figures_differ_from_the_original_in_words_alone",
    ),
    Fault(
        "seed-that-was-better",
        "tools/experiments/c08_training.json",
        planting.replace(r'"音乐": (.*?)"attention": \d+', r'"音乐": \1"attention": 27'),
        pytest("tests/notebooks/test_experiments_08.py"),
        "FAILED.*test_the_chapter_shows_the_table",
    ),
    Fault(
        "changed-original",
        "notebooks/en/04_multi_head.ipynb",
        cell(*planting.in_source(r"^## What goes wrong$", "## What goes really wrong")),
        IN_STEP,
        r"FAILED.*reads_now\[.*04_multi_head.ipynb what-goes-wrong\]",
    ),
    Fault(
        "changed-original-of-a-picture",
        "notebooks/en/04_multi_head.ipynb",
        cell(planting.shows_a_picture(live=True), planting.remove_alternative_text),
        IN_STEP,
        r"FAILED.*reads_now\[.*04_multi_head.ipynb live-\w+\]",
    ),
    Fault(
        "changed-original-page",
        "book/en/faq.md",
        planting.append("One more sentence.\n"),
        pytest("tests/translations/test_in_step.py", "-k", "reads_now and faq"),
        r"FAILED.*reads_now\[.*faq.md\]",
    ),
    Fault(
        "number-mistranslated",
        THEIRS,
        cell(*planting.in_source(r"(^\*\*\D+4\.)1", r"\g<1>9")),
        IN_STEP,
        "FAILED.*test_it_has_what_the_original_has",
    ),
    Fault(
        "formula-mistranslated",
        THEIRS,
        cell(*planting.in_source(r"\$[^$`]+\$", "$x$")),
        IN_STEP,
        "FAILED.*test_it_has_what_the_original_has",
    ),
    Fault(
        "link-mistranslated",
        THEIRS,
        cell(*planting.in_source(r"\]\(03_masks\.ipynb", "](02_scaled_dot_product.ipynb")),
        IN_STEP,
        "FAILED.*test_it_has_what_the_original_has",
    ),
    Fault(
        "code-translated",
        THEIRS,
        cell(*planting.in_source(r"^import attnlib$", "import attnlib  # ours")),
        IN_STEP,
        "FAILED.*same_ids_tags_and_code",
    ),
    Fault(
        "output-of-another-run",
        THEIRS,
        cell(planting.prints_a_number, planting.change_a_digit),
        IN_STEP,
        "FAILED.*test_cells_show_the_same_but_for_words",
    ),
    *(
        Fault(
            f"language-rule-{number}",
            f"book/{OTHER.language}/faq.md",
            planting.append(f"\n{example}\n"),
            ITS_LANGUAGE,
            "FAILED.*test_it_never_has_what",
        )
        for number, example in enumerate(OTHER.translation.get("examples", {}).values(), 1)
    ),
    Fault(
        "foreign-word",
        f"book/{OTHER.language}/faq.md",
        planting.append("\nnevertheless\n"),
        ITS_LANGUAGE,
        "FAILED.*test_words_in_latin_letters",
    ),
)
