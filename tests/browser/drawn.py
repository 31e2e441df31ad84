"""Which font Chinese is really drawn with: a machine's own would not do."""

import re

from tests.site.built import chinese_of, soup

CHINESE = re.compile(r"[\u3001-\u9fff\uff00-\uffef]")

# Puts pieces of text with Chinese that is seen into elements of their own, as many as show each
# character in each kind of letters; returns how many of their characters are Chinese, and the text.
MARK_CHINESE = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    const chinese = node.data.match(/[\\u3001-\\u9fff\\uff00-\\uffef]/g);
    if (!chinese || element.closest('script, style') || !element.checkVisibility()) continue;
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
    const element = document.createElementNS(space, space.endsWith('svg') ? 'tspan' : 'span');
    node.replaceWith(element);
    element.append(node);
    element.dataset.chinese = chinese.length;
  }
  return [...document.querySelectorAll('[data-chinese]')]
    .map((element) => [Number(element.dataset.chinese), element.textContent]);
}"""
WEIGHTS = {"NotoSansSC-Regular": 400, "NotoSansSC-Bold": 700}


def drawn_otherwise(window, path):
    """Return the pieces of Chinese that are not drawn with the book's font.

    The page is another one afterwards, though it looks the same.
    """
    page, able = window.page, chinese_of(path)
    page.evaluate("document.fonts.ready")
    pieces = page.evaluate(MARK_CHINESE)
    there = CHINESE.search(soup(path).body.get_text())
    assert bool(pieces) is bool(there), "nothing was looked at"
    session = window.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    selected = {"nodeId": root, "selector": "[data-chinese]"}
    nodes = session.send("DOM.querySelectorAll", selected)["nodeIds"]
    complaints = []
    for node, (wanted, text) in zip(nodes, pieces, strict=True):
        fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        ours = [each for each in fonts if each["isCustomFont"]]
        ours = [each for each in ours if each["familyName"].startswith("Noto Sans SC")]
        if sum(each["glyphCount"] for each in ours) < wanted:
            complaints.append((text, fonts))
        for font in fonts:  # what a font lacks, it draws as an empty box
            has = able.get(WEIGHTS.get(font["postScriptName"]))
            if has and font["glyphCount"] > sum(character in has for character in text):
                complaints.append((text, font))
    session.detach()
    return complaints
