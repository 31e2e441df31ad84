"""InductionLab: what it is made of, what it computes, the same model by what it does; errors."""

import copy
import json
import subprocess

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from attnlib import causal_mask
from attnlib.positional import RotaryPositionalEncoding
from attnlib.widgets import InductionLab, induction_model
from attnlib.widgets.induction_example import SIGNS, example
from attnlib.widgets.induction_model import Induction, InductionModel, difference, probes
from tests.widgets.facts import Facts, chapter_state, close
from tests.widgets.test_live_figure import node

KNOWN = (
    "abcdefghijklmnopqrstuvwxyz0123456789早上好下午注意力一二三四五六七八九十百千万年月日天地人中"
)


def agrees(shown, model):
    """Compare what the page shows with the same weights in torch."""
    text = shown["signs"]
    assert len(text) == min(48, sum(each in model.ids for each in shown["text"]))
    if not text:
        assert shown["scores"] == shown["odds"] == shown["weights"] == []
        return
    at = min(shown["at"], len(text) - 1)
    scores, weights = model.scores(text, shown["on"])
    close([[s / 10 for s in row] for row in shown["scores"]], scores[[at, -1]] / 10)  # 1e-4
    odds = scores.softmax(dim=-1)
    close(shown["odds"], odds[[at, -1]])
    close(shown["weights"], weights[:, :, at])
    ids = torch.tensor([model.ids[each] for each in text])
    close(shown["expected"][1:], odds[torch.arange(len(text) - 1), ids[1:]])


def check(shown):
    agrees(shown, Induction(chapter_state(InductionLab)))


def best(shown):
    """Return the place of the sign that most probably follows the last one."""
    return shown["odds"][-1].index(max(shown["odds"][-1]))


def random_lab(seed=4, width=32, layers=2, heads=2, signs=KNOWN, **options):
    """A figure as large as the chapter's, with random weights."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        model = InductionModel(len(signs), width, layers, heads, 1.0)
    state = {
        name: torch.randn(tensor.shape, generator=generator) * (0.22 if "proj" in name else 0.8)
        for name, tensor in model.state_dict().items()
    }
    options = {"text": signs[:3] + signs[:2], "examples": [signs[:2], signs[3:9] * 2]} | options
    return InductionLab(state, signs, num_heads=heads, **options)


def sample_texts(count=200, seed=11):
    """Blocks repeated, of one to fifty signs, most of them known."""
    generator = torch.Generator().manual_seed(seed)
    alphabet = KNOWN + "?A "
    made = []
    for n in range(count):
        block = torch.randint(0, len(alphabet), (1 + n % 17,), generator=generator).tolist()
        made.append(("".join(alphabet[i] for i in block) * 4)[: 1 + n % 51])
    return made


def with_markup(text):
    """The example, in which markup are signs, and a text to choose."""
    weights, _, heads = example()
    return InductionLab(weights, "<b>&'\"/x", num_heads=heads, text="<b>", examples=["<b>&", "<b>"])


def untied(name):
    """A state in which this tensor is missing."""
    weights = dict(InductionLab().drawing.weights)
    weights.pop(name)
    return weights


FACTS = Facts(
    kind=InductionLab,
    check=check,
    # What follows is what followed before: that is what the figure is about.
    opening=lambda shown: max(shown["odds"][-1]) > 0.6,
    tapped=[
        ".attn-typed-example >> nth=1",
        ".attn-heads-switch input >> nth=1",
        ".attn-induction-sign >> nth=2",
        ".attn-heads-map >> nth=3",
    ],
    pressed=[
        (".attn-heads-switch input >> nth=0", ["Space"]),
        (".attn-induction-sign[aria-checked=true]", ["ArrowLeft"]),
        (".widget-text input", ["End", "Backspace"]),
    ],
    bad=[
        (
            {"weights": {}},
            "weights must have a width that 2 heads divide into even parts, got unde",
        ),
        (
            {"weights": untied("layers.1.out_proj.weight")},
            "weights.layers.1.out_proj.weight.shape must be packed weights, got undefined",
        ),
        (
            {"signs": "好"},
            "weights.tokens.weight.shape must be packed weights, got [8,32], not [1,32]",
        ),
        ({"signs": ""}, 'signs must be a text, got ""'),
        ({"examples": ["好", 3]}, 'examples must be a list of texts, got ["好",3]'),
        ({"text": 5}, "text must be a text, got 5"),
        ({"on": [True]}, "on must be 4 booleans, one for each head, got [true]"),
        ({"at": 48}, "at must be a whole number from 0 to 47, got 48"),
        ({"order": -1}, "order must be a whole number from 0 to 8, got -1"),
    ],
    marked=with_markup,
    special=lambda: [
        InductionLab(text="早"),
        InductionLab(text="早" * 48),
        InductionLab(examples=[]),
        random_lab(layers=1, heads=2, text=KNOWN[:48]),
        random_lab(
            layers=1, heads=1, signs="早好", text="早好", examples=["好早"]
        ),  # fewer than five
    ],
    largest=lambda: random_lab(text=KNOWN[:24] * 2),
)


# --- the model


def test_without_a_model_it_shows_one_set_by_hand():
    lab = InductionLab()
    assert repr(lab) == "InductionLab(8 signs, 2 layers of 2 heads, text='早上好早上')"
    for text, wanted in {
        "早上好早上": "好",
        "注意力注意力注": "意",
        "早上好下午好早": "上",
    }.items():
        assert lab.follows(text)[wanted] > 0.97, text
    model = Induction(lab.drawing.get_state())
    _, weights = model.scores(SIGNS * 6)
    assert weights[0, 0].diagonal(-1).min() > 0.98  # one place back, wherever it stands
    followed = weights[1, 0].diagonal(-7)  # where this sign stood before, the one behind it
    assert followed.sum() + weights[1, 0].tril(-8).sum() > 0.98 * 40
    even = torch.ones(48, 48).tril() / torch.arange(1, 49)[:, None]
    torch.testing.assert_close(weights[:, 1], even.expand(2, -1, -1))


def test_without_its_heads_it_knows_nothing():
    lab = InductionLab()
    right = lab.follows("早上好早上")["好"]
    for off, less in enumerate([True, False, True, False]):
        on = [head != off for head in range(4)]
        left = lab.follows("早上好早上", on)["好"]
        assert left < 0.3 if less else left == right


def test_it_computes_what_attention_in_layers_does():
    """By hand, from the formula: no part of attnlib but the turn and the mask."""
    lab = random_lab()
    model = Induction(lab.drawing.get_state())
    text = "ab早3ab早3a"
    turn = RotaryPositionalEncoding(16)
    x = model.model.tokens.weight[[model.ids[each] for each in text]]
    looks = []
    for layer in model.model.layers:
        q, k, v = (
            part.view(len(text), 2, 16).transpose(0, 1)
            for part in F.linear(x, layer.in_proj.weight).chunk(3, dim=-1)
        )
        scores = turn(q) @ turn(k).mT / 4
        weights = scores.masked_fill(~causal_mask(len(text)), -torch.inf).softmax(-1)
        looks.append(weights)
        x = x + F.linear((weights @ v).transpose(0, 1).reshape(-1, 32), layer.out_proj.weight)
    expected = x @ model.model.answer.weight.mT
    scores, weights = model.scores(text)
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(weights, torch.stack(looks))
    last, seen = model.last(["3", text, text[:4]])
    torch.testing.assert_close(last[1:], scores[[-1, 3]])
    torch.testing.assert_close(seen[1:], weights.flatten(0, 1)[:, [-1, 3]].transpose(0, 1))
    assert list(lab.follows(text)) == list(KNOWN)
    close(list(lab.follows(text).values()), expected[-1].softmax(-1).detach())


def test_a_head_that_is_off_is_one_whose_output_is_zero():
    """Not one whose weights are spread, or left out of the softmax."""
    lab = random_lab(layers=1, heads=2)
    model = Induction(lab.drawing.get_state())
    layer = model.model.layers[0]
    text = "ab早ab"
    scores, weights = model.scores(text, [False, True])
    x = model.model.tokens.weight[[model.ids[each] for each in text]]
    value = F.linear(x, layer.in_proj.weight[64:])
    heard = torch.cat([torch.zeros(5, 16), weights[0, 1] @ value[:, 16:]], dim=1)
    expected = (x + F.linear(heard, layer.out_proj.weight)) @ model.model.answer.weight.mT
    torch.testing.assert_close(scores, expected, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(weights, model.scores(text)[1])  # it looks all the same


def test_it_states_how_far_packing_has_moved_the_weights():
    lab = random_lab()
    assert lab.rounding.keys() == lab.drawing.weights.keys()
    assert 0.01 < max(lab.rounding.values()) < 0.017
    digits = sum(len(each["steps"]) for each in lab.drawing.weights.values())
    assert digits == 12_288


# --- in JavaScript


def in_node(figure, cases):
    """Return what the page would show of a figure in each case."""
    state = {name: getattr(figure.drawing, name) for name in ("weights", "signs", "limits")}
    done = subprocess.run(
        [node(), "tests/widgets/static/go_on.mjs"],
        input=json.dumps({"state": state, "cases": cases}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("sizes", [{}, {"layers": 1, "heads": 1}])
def test_node_goes_on_from_two_hundred_texts_as_torch_does(sizes):
    lab = random_lab(**sizes)
    model = Induction(lab.drawing.get_state())
    cases = []
    for n, text in enumerate(sample_texts()):
        on = [(n >> head) % 5 != 0 for head in range(model.heads)]
        cases.append({"text": text, "order": n % 9, "at": n % 48, "on": on})
    answers = in_node(lab, cases)
    assert len(answers) == len(cases) == 200
    for shown in answers:
        agrees(shown, model)
    assert len({best(shown) for shown in answers if shown["signs"]}) > 20
    typed = ["".join(each for each in case["text"] if each in KNOWN)[:48] for case in cases]
    moved = [shown["signs"] != text for shown, text in zip(answers, typed, strict=True)]
    assert sum(moved) > 60
    assert not any(moved[::9])  # order 0


# --- the same model by what it does


def state_of(figure):
    return copy.deepcopy({k: v for k, v in figure.drawing.get_state().items() if k != "layout"})


def test_two_hundred_texts_that_repeat_are_compared():
    texts = probes(KNOWN)
    assert len(texts) == 200
    assert len(set(texts)) > 190
    for text in texts:
        period = len(set(text))
        assert 3 <= period <= 22
        assert text[period:] == text[: len(text) - period]  # a block of different signs, again
        assert period + 2 <= len(text) <= 48
    assert len(set(probes("ab")[0])) == 2


def test_last_bits_make_no_other_model():
    weights, signs, heads = example()
    before = state_of(InductionLab())
    torch.manual_seed(1)
    for size, same in ((1e-7, True), (1e-2, True), (1.0, False)):
        moved = {name: w + size * torch.randn_like(w) * (w != 0) for name, w in weights.items()}
        figure = InductionLab(moved, signs, num_heads=heads)
        assert (difference(before, state_of(figure)) is None) is same, size


def test_the_difference_is_told():
    before = state_of(InductionLab())
    weights, signs, heads = example()
    weights["answer.weight"] = weights["answer.weight"].roll(1, dims=0)
    told = difference(before, state_of(InductionLab(weights, signs, num_heads=heads)))
    assert told.endswith(" texts go on otherwise: 早上好早上 with 好, now with 下")
    other = {**before, "signs": SIGNS[::-1]}
    assert difference(before, other) == "it knows other signs, or has other heads"


def test_heads_that_change_places_make_another_model():
    """It writes the same, and the figure shows something else."""
    before = state_of(InductionLab())
    weights, signs, heads = example()
    name = "layers.1.in_proj.weight"
    weights[name] = weights[name].view(3, 2, 16, 32).flip(1).reshape(96, 32)
    name = "layers.1.out_proj.weight"
    weights[name] = weights[name].view(32, 2, 16).flip(1).reshape(32, 32)
    figure = InductionLab(weights, signs, num_heads=heads)
    assert figure.follows("早上好早上") == InductionLab().follows("早上好早上")
    assert difference(before, state_of(figure)) == "after 早上好早上 a head looks elsewhere"


def test_a_few_texts_may_go_on_otherwise(monkeypatch):
    before = state_of(random_lab(text="ab", examples=["ba"]))
    after = copy.deepcopy(before)
    packed, row = after["weights"]["tokens.weight"], KNOWN.index("7")
    digits, at = packed["steps"], slice(32 * row, 32 * row + 32)
    packed["steps"] = digits[: at.start] + digits[at][::-1] + digits[at.stop :]  # another 7
    texts = ["ab", "ba", *probes(KNOWN)]
    old, new = Induction(before), Induction(after)
    chosen = [model.last(texts)[0].argmax(dim=-1) for model in (old, new)]
    unlike = [text for text, same in zip(texts, chosen[0] == chosen[1], strict=True) if not same]
    share = len(unlike) / len(texts)
    assert 0.02 < share < 0.5
    for most, same in ((share + 0.001, True), (share - 0.001, False)):
        monkeypatch.setattr(induction_model, "OTHER", most)
        assert (difference(before, after) is None) is same
    monkeypatch.setattr(induction_model, "OTHER", 1.0)
    monkeypatch.setattr(induction_model, "MOSTLY", 1.0)
    for trait, value in (("text", unlike[0]), ("examples", [unlike[0]])):  # what it offers counts
        told = difference(before | {trait: value}, after | {trait: value})
        assert f": {unlike[0]} with " in told


# --- what does not fit


def arguments(**changed):
    weights, signs, heads = example()
    return {"state_dict": weights, "signs": signs, "num_heads": heads} | changed


def changed_weights(**changed):
    weights = example()[0]
    for name, value in changed.items():
        weights.pop(name.replace("__", "."), None)
        if value is not None:
            weights[name.replace("__", ".")] = value
    return arguments(state_dict=weights)


def odd():
    """A model of width 6: two heads of width 3, and no pairs to turn."""
    weights = {name: each[..., :6] for name, each in example()[0].items()}
    return {"state_dict": weights}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (changed_weights(tokens__weight=None), "state_dict must hold tokens.weight, a matrix"),
        (changed_weights(tokens__weight=torch.ones(8)), "must hold tokens.weight, a matrix"),
        (arguments(state_dict={"tokens.weight": torch.ones(8, 8)}), "hold 1 to 2 layers, got 0"),
        (changed_weights(layers__1__out_proj__weight=None), "hold layers.1.out_proj.weight"),
        (changed_weights(ff__weight=torch.ones(1)), "state_dict must not hold ff.weight"),
        (changed_weights(answer__bias=torch.ones(8)), "state_dict must not hold answer.bias"),
        (
            changed_weights(answer__weight=torch.ones(9, 32)),
            r"answer.weight must have shape \(8, 32\) for 8 signs, got \(9, 32\)",
        ),
        (
            changed_weights(answer__weight=torch.full((8, 32), torch.nan)),
            "answer.weight must be finite",
        ),
        (arguments(**odd()), "num_heads must divide the width 6 into heads .* got 2"),
        (arguments(num_heads=5), "num_heads must be a whole number from 1 to 2, got 5"),
        (arguments(base=0), "base must be above 0, got 0"),
        (arguments(signs=""), "signs must be a text of different characters, got ''"),
        (arguments(signs="早早"), "signs must be a text of different characters, got '早早'"),
        (arguments(signs="早上好"), r"tokens.weight must have shape \(3, 32\) for 3 signs"),
        (arguments(text=""), "text must have 1 to 48 characters, got ''"),
        (arguments(text="早" * 49), "text must have 1 to 48 characters"),
        (arguments(text="早x"), "text must be of the signs '早上好下午注意力', got 'x'"),
        (arguments(examples=["早", "y"]), "examples must be of the signs .*, got 'y'"),
        (arguments(examples="早"), "examples must be up to 12 texts, got '早'"),
        (arguments(examples=["早"] * 13), "examples must be up to 12 texts"),
    ],
)
def test_bad_arguments(given, message):
    with pytest.raises(ValueError, match=message):
        InductionLab(**given)


@pytest.mark.parametrize("text", ["", "早x", "早" * 49])
def test_what_follows_a_text_needs_signs_that_it_knows(text):
    with pytest.raises(ValueError, match=f"text must be 1 to 48 of the signs .*, got '{text}'"):
        InductionLab().follows(text)


def test_what_follows_needs_a_switch_for_each_head():
    with pytest.raises(ValueError, match="on must be 4 booleans, one for each head, got "):
        InductionLab().follows("早", [True])


def test_a_damaged_state_is_refused():
    state = state_of(InductionLab())
    without = {name: each for name, each in state["weights"].items() if name != "answer.weight"}
    with pytest.raises(ValueError, match=r"state_dict must hold answer\.weight"):
        Induction(state | {"weights": without})
