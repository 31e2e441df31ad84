"""Answer sheets of chapter 3 that do what students do, by accident or out of curiosity."""

import json

import nbformat

BEGIN = "import os, sys\nimport torch\nfrom attnlib import checks"
RIGHT_MASK = "torch.ones(q_len, k_len).tril(k_len - q_len).bool()"
RIGHT = f"checks.check_causal_mask(lambda q_len, k_len: {RIGHT_MASK})"
UPPER_LEFT = "checks.check_causal_mask(lambda q_len, k_len: torch.ones(q_len, k_len).tril().bool())"
INVERTED = (
    "checks.check_padding_mask(lambda valid_lens, k_len: "
    "torch.arange(k_len) >= valid_lens[:, None, None])"
)
STUB = "def my_masked_softmax(scores, mask): ...\nchecks.check_masked_softmax(my_masked_softmax)"
PASSED = "✓ Exercise 3.3: passed"

# Each ends, and is over in a moment.
LIVELY = [
    BEGIN,
    UPPER_LEFT,
    RIGHT,
    f"print({PASSED!r})\n{INVERTED}",
    STUB,
    "while True:\n    pass",
    "while True:\n    print('x' * 100_000)",
    "while True:\n    sys.stderr.write('y' * 100_000)",
    "while True:\n    display('z' * 100_000)",
    "import subprocess\nsubprocess.run(['yes'], timeout=0.5)",
    "input('Name?')",
    "sys.exit('enough')",
    "bytearray(20_000_000_000)",
    "open('large', 'wb').write(bytes(200_000_000))",
    "assert 'SECRET_TOKEN' not in os.environ",
    "assert os.listdir() in ([], ['large'])",
    "assert not os.path.exists(os.path.expanduser('~/.config'))",
    "import socket\nsocket.create_connection(('127.0.0.1', PORT), 2)",
    "checks.check_masked_attention = lambda answer: print('✓ Exercise 3.8: passed')\n"
    "checks.check_masked_attention(...)",
    "this is no Python",
    "exit()",
    "from attnlib.checks.engine import latest\nfrom attnlib.checks import Result\n"
    "latest.record(Result('is_causal', '3.5', True, None, ''))\n"
    "checks.check_is_causal(...)",
]
PATCHED = [
    BEGIN,
    INVERTED,
    RIGHT,
    "from attnlib.checks.engine import check\ncheck.difference = lambda *_: None",
    INVERTED,
    "os._exit(0)",
    STUB,
]
# It ends neither by itself nor by being interrupted.
STUBBORN = [
    "import time\nwhile True:\n    try:\n        time.sleep(60)\n"
    "    except BaseException:\n        pass"
]


def sheet(cells):
    """Return a notebook that claims, in its outputs, to have passed."""
    lie = nbformat.v4.new_output(
        "execute_result",
        {"text/plain": PASSED, "text/html": f"<strong>{PASSED}</strong>"},
        execution_count=1,
    )
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(each, outputs=[lie]) for each in cells]
    )


def write(path, cells):
    """Write a notebook with these cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(sheet(cells), path)
    return path


# Files that no kernel is needed for.
BROKEN = {
    "empty.ipynb": "",
    "braces.ipynb": "{}",
    "cut_off.ipynb": json.dumps(sheet([RIGHT]))[:-40],
    "list.ipynb": "[1, 2]",
    "deep.ipynb": "[" * 100_000,
    "picture.ipynb": "\x89PNG\r\n\x1a\n\0\0",
}
