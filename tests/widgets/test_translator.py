"""DateTranslator: what it is made of, what it computes, the same model by what it does; errors."""

import copy
import datetime
import json
import subprocess

import pytest
import torch
from babel.dates import format_date

from attnlib.widgets import DateTranslator, translator_model
from attnlib.widgets.translator_example import CHARACTERS, SYMBOLS, example
from attnlib.widgets.translator_model import (
    END,
    FIRST,
    START,
    Translation,
    TranslatorModel,
    difference,
    probes,
)
from attnlib.widgets.weights import unpack
from tests.widgets.facts import Facts, chapter_state, close
from tests.widgets.test_live_figure import node

NAMES = ("weights", "characters", "symbols", "limits")


def agrees(shown, translation):
    """Compare what the page shows in some states with the same weights in torch."""
    alike = {}
    for each in shown:
        alike.setdefault(tuple(each["on"]), []).append(each)
    for on, group in alike.items():
        found = translation.translate([each["text"] for each in group], on)
        for each, expected in zip(group, found, strict=True):
            assert each["made"] == expected.made
            at = min(each["at"], len(expected.made) - 1)
            scores = expected.scores[at]
            close([score / 10 for score in each["scores"]], scores / 10)  # 1e-4 on the scores
            close(each["probabilities"], scores.softmax(dim=-1))
            close(each["weights"], expected.weights[:, at])


def check(shown):
    if shown["text"]:
        agrees([shown], Translation(chapter_state(DateTranslator)))
    else:
        assert shown["made"] == shown["scores"] == shown["weights"] == []


def with_markup(text):
    """The example, in which markup is an example to choose."""
    return DateTranslator(text="<b>", examples=[text[:40], "&amp;"])


WIDE = {"shape": [3], "scales": "AAA=", "steps": "ggg"}
BAD = [  # for both figures of the model
    ({"weights": {}}, "weights must have a width that 4 heads divide into even parts, got undef"),
    ({"weights": {"encoder_norm.weight": WIDE}}, "weights must have a width that 4 heads divide"),
    (
        {"characters": "01"},
        "weights.source.weight.shape must be packed weights, got [34,32], not [5,32]",
    ),
    ({"characters": ""}, 'characters must be a text, got ""'),
    ({"symbols": 5}, "symbols must be a text, got 5"),
    ({"examples": ["a", 3]}, 'examples must be a list of texts, got ["a",3]'),
    ({"text": 5}, "text must be a text, got 5"),
]
FACTS = Facts(
    kind=DateTranslator,
    check=check,
    opening=lambda shown: len(shown["made"]) == 11 and shown["made"][-1] == END,  # a date
    tapped=[
        ".attn-typed-example >> nth=1",
        ".attn-heads-switch input >> nth=1",
        ".attn-translator-target button >> nth=2",
    ],
    pressed=[
        (".attn-heads-switch input >> nth=0", ["Space"]),
        (".attn-translator-target button[aria-checked=true]", ["ArrowRight"]),
        (".widget-text input", ["End", "Backspace"]),
    ],
    bad=[
        *BAD,
        ({"on": [True]}, "on must be 4 booleans, one for each head, got [true]"),
        ({"at": 99}, "at must be a whole number from 0 to 11, got 99"),
    ],
    marked=with_markup,
    special=lambda: [
        DateTranslator(text="x"),
        DateTranslator(text="x" * 40),
        DateTranslator(examples=[]),
    ],
    largest=lambda: random_translator(text="Wednesday, 30 September 2026, or later.."),
)


def random_translator(figure=DateTranslator, seed=6, width=32, heads=4, known=95, **options):
    """A figure as large as the chapter's, with random weights."""
    generator = torch.Generator().manual_seed(seed)
    characters = "".join(map(chr, range(32, 32 + known)))
    with torch.device("meta"):
        model = TranslatorModel(known, len(SYMBOLS), width, 64, heads, 1.0, 1.0)
    state = {
        name: torch.randn(tensor.shape, generator=generator)
        * ({1: 0.5, 2: 1 if "e.weight" in name or "t.weight" in name else 0.4}[tensor.ndim])
        for name, tensor in model.state_dict().items()
    }
    state["output.bias"][END] += 0.8  # so that some texts end
    return figure(state, characters, SYMBOLS, num_heads=heads, **options)


def sample_texts(count=200, seed=11):
    """Texts of one to forty characters, most of them known."""
    generator = torch.Generator().manual_seed(seed)
    alphabet = "".join(map(chr, range(32, 127))) + "年月日é?"
    texts = []
    for n in range(count):
        draw = torch.randint(0, len(alphabet), (1 + n % 40,), generator=generator).tolist()
        texts.append("".join(alphabet[i] for i in draw).strip() or "x")
    return texts


LOCALES = ("en_GB", "en_US", "de", "fr", "es", "zh", "nl", "it", "sv", "ja", "ko", "pl")


def dates(count=200):
    """Dates of all locales, those of the chapter and others, as CLDR writes them."""
    kinds = [(locale, form) for locale in LOCALES for form in ("medium", "long", "full")]
    first = datetime.date(1950, 1, 1)
    found = []
    for n in range(count):
        locale, form = kinds[n % len(kinds)]
        day = first + datetime.timedelta(days=7919 * n % 36_500)
        found.append(format_date(day, form, locale=locale))
    return found


def chapter_figure(kind):
    """A figure of the model that the chapter has trained."""
    state = chapter_state(kind)
    limits = state["limits"]
    options = {"num_heads": limits["heads"], "base": limits["base"]}
    options |= {"rotary_base": limits["rotary"], "text": state["text"]}
    return kind(unpack(state["weights"]), state["characters"], state["symbols"], **options)


def in_node(figure, name, cases):
    """Return what the page would show of a figure in each case."""
    names = (*NAMES, "before") if name == "cache_lab" else NAMES
    state = {name: getattr(figure.drawing, name) for name in names}
    done = subprocess.run(
        [node(), "tests/widgets/static/translate.mjs"],
        input=json.dumps({"figure": name, "state": state, "cases": cases}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- the model


def test_it_computes_what_a_model_of_these_modules_does():
    figure = random_translator()
    translation = Translation(figure.drawing.get_state())
    model = translation.model
    ids = torch.tensor([[FIRST + ord(each) - 32 for each in "17 Nov"]])
    with torch.no_grad():
        x = model.positions(model.source(ids))
        memory = model.encoder_norm(model.encoder(x)[0])
        tokens = [START]
        while len(tokens) < 13 and tokens[-1] != END:
            y = model.positions(model.target(torch.tensor([tokens])))
            y, _ = model.decoder(y, memory, is_causal=True)
            tokens.append(model.output(model.decoder_norm(y))[0, -1].argmax().item())
    _, (_, made, scores, weights) = translation.translate(["1", " 17 Nov\n"])  # with padding
    assert made == tokens[1:]
    assert scores.argmax(dim=-1).tolist() == made
    assert weights.shape == (4, len(made), 6)
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, len(made)))
    assert figure.translate("17 Nov") == "".join(SYMBOLS[i - 3] for i in made if i >= FIRST)


def test_without_a_model_it_shows_a_random_one():
    figure = DateTranslator()
    assert repr(figure) == (
        "DateTranslator(31 characters, 11 symbols, text='Tuesday, 17 November 2026')"
    )
    assert set(figure.translate("17 November 2026")) <= set(SYMBOLS)


def test_it_states_how_far_packing_has_moved_the_weights():
    figure = random_translator()
    assert figure.rounding.keys() == figure.drawing.weights.keys()
    assert 0.02 < max(figure.rounding.values()) < 0.034


def test_unknown_characters_are_a_place_without_a_character():
    weights, characters, symbols, heads = example()
    weights["source.weight"][0] = 0
    figure = DateTranslator(weights, characters, symbols, num_heads=heads)
    translation = Translation(figure.drawing.get_state())
    memory, _ = translation.encode(["早x", "??", "早1"])
    assert torch.equal(memory[0], memory[1])
    assert not torch.equal(memory[0], memory[2])


# --- in JavaScript


def test_node_translates_two_hundred_texts_as_torch_does():
    figure = random_translator()
    translation = Translation(figure.drawing.get_state())
    cases = []
    for n, text in enumerate(sample_texts()):
        on = [(n >> head) % 5 != 0 for head in range(4)]
        cases.append({"text": text, "at": n % 12, "on": on})
    answers = in_node(figure, "translator", cases)
    assert len(answers) == len(cases) == 200
    agrees(answers, translation)
    assert len({tuple(shown["made"]) for shown in answers}) > 60
    assert len({len(shown["made"]) for shown in answers}) > 1  # some texts end


# --- the same model by what it does


def state_of(figure):
    return copy.deepcopy({k: v for k, v in figure.drawing.get_state().items() if k != "layout"})


def test_probes_are_the_examples_with_other_numbers():
    texts = probes(["17 novembre 2026", "2026年11月17日", "no number"])
    assert len(texts) == 201
    assert len(set(texts)) > 60
    assert all(text.endswith(("number", "日")) or " novembre " in text for text in texts)
    assert probes([]) == []


def test_last_bits_make_no_other_model():
    weights, characters, symbols, heads = example()
    before = state_of(DateTranslator())
    torch.manual_seed(1)
    for size, same in ((1e-7, True), (1.0, False)):
        moved = {name: w + size * torch.randn_like(w) for name, w in weights.items()}
        figure = DateTranslator(moved, characters, symbols, num_heads=heads)
        assert (difference(before, state_of(figure)) is None) is same, size


def test_the_difference_is_told():
    before = state_of(DateTranslator())
    weights, characters, symbols, heads = example()
    weights["output.bias"][FIRST] += 9
    after = state_of(DateTranslator(weights, characters, symbols, num_heads=heads))
    told = difference(before, after)
    assert "texts are written otherwise: Tuesday, 17 November 2026 was " in told
    assert told.endswith(f", and is {12 * SYMBOLS[0]}")
    for trait in ("characters", "symbols"):
        other = {**before, trait: before[trait][::-1]}
        assert difference(before, other) == "it knows other characters or symbols"


def test_a_few_texts_may_be_written_otherwise(monkeypatch):
    offered = ["16 Nov 2026", "12. 1. 1998"]
    figures = [random_translator(text=offered[0], examples=offered[1:]) for _ in range(2)]
    before, after = map(state_of, figures)
    packed, row = after["weights"]["source.weight"], FIRST + ord("7") - ord(" ")
    digits = packed["steps"]
    at = slice(32 * row, 32 * row + 32)
    packed["steps"] = digits[: at.start] + digits[at][::-1] + digits[at.stop :]  # another 7
    texts = offered + probes(offered)
    old, new = (Translation(each).translate(texts) for each in (before, after))
    unlike = [t for t, was, now in zip(texts, old, new, strict=True) if was.made != now.made]
    share = len(unlike) / len(texts)
    assert 0.02 < share < 0.5
    assert all("7" in text for text in unlike)
    for most, same in ((share + 0.001, True), (share - 0.001, False)):
        monkeypatch.setattr(translator_model, "OTHER", most)
        assert (difference(before, after) is None) is same
    monkeypatch.setattr(translator_model, "OTHER", 1.0)
    for trait, value in (("text", unlike[0]), ("examples", [unlike[0]])):  # what it offers counts
        told = difference(before | {trait: value}, after | {trait: value})
        assert f": {unlike[0]} was " in told


# --- what does not fit


def arguments(**changed):
    weights, characters, symbols, heads = example()
    given = {"state_dict": weights, "characters": characters, "symbols": symbols}
    return given | {"num_heads": heads} | changed


def changed_weights(**changed):
    weights = example()[0]
    for name, value in changed.items():
        weights.pop(name.replace("__", "."), None)
        if value is not None:
            weights[name.replace("__", ".")] = value
    return arguments(state_dict=weights)


BAD_ARGUMENTS = [
    (changed_weights(encoder_norm__weight=None), "state_dict must hold encoder_norm.weight"),
    (changed_weights(decoder_norm__bias=None), "state_dict must hold decoder_norm.bias"),
    (changed_weights(ff__weight=torch.ones(1)), "state_dict must not hold ff.weight"),
    (
        changed_weights(output__bias=torch.ones(5)),
        r"output.bias must have shape \(14,\) for 31 characters and 11 symbols, got \(5,\)",
    ),
    (
        changed_weights(decoder_norm__bias=torch.full((32,), torch.nan)),
        "decoder_norm.bias must be finite",
    ),
    (arguments(num_heads=3), "num_heads must divide the width 32 into heads .* got 3"),
    (arguments(num_heads=16), "num_heads must be a whole number from 1 to 8, got 16"),
    (arguments(base=0), "base must be above 0, got 0"),
    (arguments(rotary_base=-1), "rotary_base must be above 0, got -1"),
    (arguments(characters=""), "characters must be a text of different characters, got ''"),
    (arguments(symbols="11"), "symbols must be a text of different characters, got '11'"),
    (arguments(characters=CHARACTERS[1:]), r"source.weight must have shape \(33, 32\) for 30"),
    (arguments(text=""), "text must have 1 to 40 characters, got ''"),
    (arguments(text="1" * 41), "text must have 1 to 40 characters"),
    (arguments(examples=["1", " "]), "examples must have 1 to 40 characters, got ' '"),
    (arguments(examples="1"), "examples must be up to 12 texts, got '1'"),
    (arguments(examples=["1"] * 13), "examples must be up to 12 texts"),
]


@pytest.mark.parametrize(("given", "message"), BAD_ARGUMENTS)
def test_bad_arguments(given, message):
    with pytest.raises(ValueError, match=message):
        DateTranslator(**given)


def test_a_damaged_state_is_refused():
    state = state_of(DateTranslator())
    without = {name: each for name, each in state["weights"].items() if name != "output.bias"}
    with pytest.raises(ValueError, match=r"state_dict must hold output\.bias"):
        Translation(state | {"weights": without})
