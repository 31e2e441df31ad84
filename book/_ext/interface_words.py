"""What Sphinx, the theme and the buttons say, in the language of the edition.

Most of it is translated by themselves. Where they know nothing, or nothing good, the edition says
it (``interface`` in its ``edition.toml``: the English words, and what to say instead). Words in a
language other than English that come out as English are a warning, which stops the build.
"""

import json
import re
from gettext import NullTranslations
from pathlib import Path
from typing import Any

import sphinx
import sphinx_copybutton
from sphinx import locale
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

SPHINX = Path(sphinx.__file__).parent
COPY_BUTTON = Path(sphinx_copybutton.__file__).parent / "_static" / "copybutton.js_t"
SAID_IN_SCRIPT = re.compile(r"\b(?:_|gettext)\(\s*\"([^\"]+)\"\s*\)")
COPY_WORDS = {
    "copy": "Copy",
    "copy_to_clipboard": "Copy to clipboard",
    "copy_success": "Copied!",
    "copy_failure": "Failed to copy",
}
END_OF_COPY_WORDS = re.compile(r"\n}(?=\n+let locale = )")
NAMES = {"Binder", "Colab"}  # the same in every language

logger = logging.getLogger(__name__)


def is_english(config: Config) -> bool:
    """Whether the edition speaks the language in which the words are written anyway."""
    return str(config.language).split("_")[0] == "en"


class EditionsWords(NullTranslations):
    """Asks the edition first, then whom it stands for."""

    def __init__(self, asked: NullTranslations, config: Config) -> None:
        super().__init__()
        self.asked, self.own = asked, config.edition["interface"]
        self.may_be_english = is_english(config)
        # The theme asks a second time for what has been translated, and for names.
        self.settled = {*NAMES, *config.edition["site"].values(), *self.own.values()}

    def gettext(self, message: str) -> str:
        """Return what to say."""
        said: str = self.own.get(message) or self.asked.gettext(message)
        untouched = said == message and not self.may_be_english and said not in self.settled
        if untouched and re.search(r"[A-Za-z]{2}", said) and not said.startswith("."):
            logger.warning("no translation of %r: add it to the edition's interface", said)
        self.settled.add(said)
        return said

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return what to say of `n` things."""
        said = self.gettext(msgid1 if n == 1 else msgid2)
        return said if said not in (msgid1, msgid2) else self.asked.ngettext(msgid1, msgid2, n)


def speak(app: Sphinx) -> None:
    """Put the edition's words in front of those of Sphinx, in Python and in templates."""
    for key, asked in list(locale.translators.items()):
        if key[0] == "general" and not isinstance(asked, EditionsWords):
            locale.translators[key] = EditionsWords(asked, app.config)
    if app.builder.format == "html":
        words = locale.get_translator()
        environment = app.builder.templates.environment
        environment.install_gettext_callables(words.gettext, words.ngettext)


def script_words(language: str, interface: dict[str, str]) -> dict[str, str]:
    """Return what the scripts of the search say in a language, by the English words."""
    official = SPHINX / "locale" / language / "LC_MESSAGES" / "sphinx.js"
    known: dict[str, Any] = {}
    if found := official.is_file() and re.search(r"\{.*\}", official.read_text("utf-8"), re.DOTALL):
        known = json.loads(found[0])["messages"]
    scripts = (SPHINX / "themes" / "basic" / "static").glob("*.js")
    wanted = {m for each in scripts for m in SAID_IN_SCRIPT.findall(each.read_text("utf-8"))}
    messages = {each: interface.get(each) or known.get(each) for each in sorted(wanted)}
    for each in (each for each, said in messages.items() if not said):
        logger.warning("no translation of %r: add it to the edition's interface", each)
    return {each: said for each, said in messages.items() if said}


def write_script_words(app: Sphinx, config: Config) -> None:
    """Write them where Sphinx looks for ``translations.js`` of a language."""
    if is_english(config):
        return
    folder = Path(app.doctreedir).parent / ".locales"
    file = folder / config.language / "LC_MESSAGES" / "sphinx.js"
    file.parent.mkdir(parents=True, exist_ok=True)
    words = script_words(config.language, config.edition["interface"])
    text = json.dumps(words, ensure_ascii=False, sort_keys=True)
    # Not by Documentation.addTranslations, which makes a function of a text: no strict policy of a
    # host allows that. The one rule of plurals that it would set is never asked for.
    file.write_text(f"Object.assign(Documentation.TRANSLATIONS, {text});\n", "utf-8")
    config.locale_dirs = [str(folder)]


def write_copy_words(app: Sphinx, exception: Exception | None) -> None:
    """Teach the copy button what the edition says, where it does not know the language."""
    if exception or app.builder.format != "html" or is_english(app.config):
        return
    own, tag = app.config.edition["interface"], app.config.edition["tag"]
    known = f"'{tag}'" in COPY_BUTTON.read_text("utf-8")
    if missing := [each for each in COPY_WORDS.values() if each not in own]:
        if not known:
            logger.warning("no translation of %s: add it to the edition's interface", missing)
        return
    words = json.dumps({key: own[each] for key, each in COPY_WORDS.items()}, ensure_ascii=False)
    path = Path(app.outdir, "_static", "copybutton.js")
    text, found = END_OF_COPY_WORDS.subn(
        lambda end: f",\n  '{tag}': {words}{end[0]}", path.read_text("utf-8")
    )
    if found != 1:
        raise ExtensionError("copybutton.js has changed: where does its table of words end?")
    path.write_text(text, "utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the steps."""
    app.setup_extension("edition_settings")
    app.connect("config-inited", write_script_words)
    app.connect("builder-inited", speak, priority=100)
    app.connect("build-finished", write_copy_words)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
