"""What is left in English on a page of the derived edition, to be seen or to be heard."""

import re

WORD = re.compile(r"[A-Za-z]{2,}")

# The same in every edition: endings of files, names of services, keys and interfaces, functions
# in formulas, units, and Python's own words for true, false and what numbers can become.
ALLOWED = {"ipynb", "md", "pdf", "Binder", "Colab", "Ctrl", "attnlib", "SDPA", "MHA"}
ALLOWED |= {"softmax", "max", "ln", "log", "sin", "cos", "exp", "LN", "kB", "MB", "GB"}
ALLOWED |= {"TB", "True", "False", "float", "inf", "NaN"}
# Pinyin says how a character is read, in every edition.
PINYIN = re.compile(r"\w*[āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜ]\w*")
CODE = re.compile(r"\b(?:F|nn)\.\w+|`[^`]+`")

# Text, and attributes that a reader sees or hears, of what is shown or may be; not what is code, a
# formula, an entry of the references, or marked as another language than that of the page.
COLLECT = r"""(selector) => {
  const closed = 'pre, code, kbd, script, style, noscript, .katex, .math, .citation,'
    + '.bibtex-citation, a[href*="further_reading.html#id"]';
  const attributes = ['alt', 'title', 'aria-label', 'aria-valuetext', 'aria-description',
    'aria-roledescription', 'placeholder', 'label', 'summary', 'data-tooltip', 'data-bs-title',
    'data-bs-original-title', 'data-toggle-hint'];
  const page = document.documentElement.lang;
  const mine = (element) => !element.closest(closed)
    && (element.closest('[lang]')?.lang ?? page) === page;
  const found = [];
  const add = (where, text) => { if (text && /[A-Za-z]{2}/.test(text)) found.push([where, text]); };
  const collect = (root) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
      const element = node.parentElement ?? root.host;
      if (element && !mine(element)) continue;
      add(element?.outerHTML?.slice(0, 100) ?? 'text', node.data);
    }
    for (const element of root.querySelectorAll('*')) {
      if (element.matches('template')) collect(element.content);
      // Where scripts run, a browser takes what stands in there as one text.
      if (element.matches('noscript')) add('noscript', element.textContent.replace(/<[^>]*>/g, ''));
      if (!mine(element) && !element.matches('pre, code, .katex')) continue;
      for (const name of attributes) add(`${element.tagName} ${name}`, element.getAttribute(name));
      if (element.matches('option, input[type=button]')) add('control', element.value);
    }
  };
  document.querySelectorAll(selector ?? 'body').forEach(collect);
  if (selector) return found;
  add('title', document.title);
  for (const meta of document.querySelectorAll(
      'meta[name=description], meta[property="og:title"], meta[property="og:description"],'
      + 'meta[property="og:site_name"], meta[property="og:image:alt"], link[title]')) {
    add(meta.outerHTML.slice(0, 80), meta.content ?? meta.title);
  }
  return found;
}"""


# What stands in fields and can be chosen for them: texts of a reader, in whatever language.
DATA = """() => [...document.querySelectorAll('script[type$="jupyter.widget-state+json"]')]
  .flatMap((script) => Object.values(JSON.parse(script.textContent).state))
  .flatMap(({ state: { text, before, examples } }) => [text, before].concat(examples))
  .filter((each) => typeof each === 'string' && each.length > 3)"""


def english(text):
    """Return the English words of a text."""
    text = PINYIN.sub(" ", CODE.sub(" ", text))
    return [word for word in WORD.findall(text) if word not in ALLOWED]


def left_in_english(page, selector=None):
    """Return the places of a page in a browser, or of parts of it, that hold English words."""
    found = []
    data = sorted(page.evaluate(DATA), key=len, reverse=True)
    for where, text in page.evaluate(COLLECT, selector):
        for each in data:
            text = text.replace(each, " ")
        if english(text):
            found.append(f"{' '.join(where.split())}: {' '.join(text.split())[:120]}")
    return found
