"""Which font Chinese is really drawn with: not any that a machine happens to have would do."""

import re
from collections import Counter

from tests.site.built import ROOT, chinese_of, soup

CHINESE = re.compile(r"[\u3001-\u9fff\uff00-\uffef]")

# Puts pieces of text with Chinese that is seen into elements of their own, as many as show each
# character in each kind of letters; returns how many of their characters are Chinese, and the text.
MARK_CHINESE = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    const chinese = node.data.match(/[\\u3001-\\u9fff\\uff00-\\uffef]/g);
    if (!chinese || element.closest('script, style')) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const { fontFamily, fontStyle, fontWeight } = getComputedStyle(element);
    const { lang } = element.closest('[lang]');
    found.push([node, chinese, [fontFamily, fontStyle, fontWeight, lang].join()]);
  }
  const seen = new Set();
  for (const [node, chinese, kind] of found) {
    const more = chinese.map((character) => kind + character).filter((each) => !seen.has(each));
    if (!more.length) continue;
    more.forEach((each) => seen.add(each));
    const space = node.parentElement.namespaceURI;
    const name = space.endsWith('svg') ? 'tspan' : 'chinese-piece';
    const element = document.createElementNS(space, name);
    node.replaceWith(element);
    element.append(node);
    element.dataset.chinese = chinese.length;
  }
  return [...document.querySelectorAll('[data-chinese]')]
    .map((element) => [Number(element.dataset.chinese), element.textContent]);
}"""
LOCAL = set(re.findall(r'local\("([^"]+)"\)', (ROOT / "book/_static/book.css").read_text("utf-8")))
WEIGHTS = {"NotoSansSC-Regular": 400, "NotoSansSC-Bold": 700}


def pieces_of_chinese(window):
    """Yield for each piece of Chinese that is seen its length, its text and the fonts it has.

    The page is another one afterwards, though it looks the same.
    """
    page = window.page
    page.evaluate("document.fonts.ready")
    pieces = page.evaluate(MARK_CHINESE)
    session = window.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    selected = {"nodeId": root, "selector": "[data-chinese]"}
    nodes = session.send("DOM.querySelectorAll", selected)["nodeIds"]
    for node, (length, text) in zip(nodes, pieces, strict=True):
        for _ in range(20):  # what has just been put into the page may not have been drawn yet
            fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
            if fonts:
                break
            page.wait_for_timeout(50)
        yield length, text, fonts
    session.detach()


def fonts_of_chinese(window):
    """Return the fonts that Chinese is drawn with: name -> number of glyphs. Outside of figures."""
    found = Counter()
    for _, text, fonts in pieces_of_chinese(window):
        if all(CHINESE.match(character) for character in text):
            found.update({font["postScriptName"]: int(font["glyphCount"]) for font in fonts})
    return found


def is_ours(font):
    """Whether this is the book's font, or one of those that stand for it where a machine has it."""
    cut = font["isCustomFont"] and font["familyName"].startswith("Noto Sans SC")
    return cut or font["postScriptName"] in LOCAL


def drawn_otherwise(window, path):
    """Return the pieces of Chinese that are not drawn with the book's font.

    The page is another one afterwards, though it looks the same.
    """
    able, complaints = chinese_of(path), []
    pieces = list(pieces_of_chinese(window))
    there = CHINESE.search(soup(path).body.get_text())
    assert bool(pieces) is bool(there), "nothing was looked at"
    for wanted, text, fonts in pieces:
        ours = [each for each in fonts if is_ours(each)]
        if sum(each["glyphCount"] for each in ours) < wanted:
            complaints.append((text, fonts))
        for font in fonts:  # what a font lacks, it draws as an empty box
            has = able.get(WEIGHTS.get(font["postScriptName"]))
            if has and font["glyphCount"] > sum(character in has for character in text):
                complaints.append((text, font))
    return complaints
