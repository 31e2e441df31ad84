"""Full-text search that finds Chinese as well as English.

Sphinx's search of an English book cuts text at what is no letter. A run of Chinese, which has no
spaces, would be one long word that only its exact copy finds: 早上好 is then invisible to whoever
types 早上. Here each run is cut into its characters and its pairs of neighbours, in the index and
(pairs alone, which say more) in what the reader types, as Lucene's CJK analyser does.

It serves every edition: ``html_search_language`` in ``_config.yml`` names it. Sphinx's own search
of Chinese indexes nothing where jieba is not installed.
"""

import re
from itertools import pairwise

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish
from sphinx.util.typing import ExtensionMetadata

# Ideographs and their iteration mark. The two languages write beyond-16-bit ranges alike.
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
RUN = re.compile(rf"([{HAN}]+)|(?:(?![{HAN}])\w)+")

QUERY = """
var splitQuery = (query) => query
  .split(/([HAN]+)|[^\\p{Letter}\\p{Number}_\\p{Emoji_Presentation}]+/u)
  .filter((run) => run)
  .flatMap((run) => {
    const characters = [...run];
    if (characters.length < 2 || !/^[HAN]/u.test(run)) return [run];
    return characters.slice(1).map((character, i) => characters[i] + character);
  });
""".replace("HAN", HAN)


class BilingualSearch(SearchEnglish):
    """Words of English, and characters and pairs of characters of Chinese."""

    lang = "bilingual"
    js_splitter_code = QUERY

    def split(self, input: str) -> list[str]:
        """Return the words of a text for the index; see the module for those of a query."""
        words = []
        for match in RUN.finditer(input):
            if run := match[1]:
                words += [*run, *map("".join, pairwise(run))]
            else:
                words.append(match[0])
        return words


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register it beside Sphinx's own searches."""
    app.add_search_language(BilingualSearch)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
