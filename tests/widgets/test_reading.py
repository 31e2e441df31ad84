"""PhraseReader: what it is made of, what it computes, the same model by what it does; errors."""

import copy
import json
import subprocess
from collections import Counter

import pytest
import torch

from attnlib import MultiHeadAttention
from attnlib.widgets import PhraseReader
from attnlib.widgets.reading_example import example
from attnlib.widgets.reading_model import (
    MARGIN,
    LookUp,
    PhraseModel,
    Reading,
    difference,
    parse_counts,
    write_counts,
)
from attnlib.widgets.weights import pack
from tests.widgets.facts import Facts, chapter_state, close
from tests.widgets.test_live_figure import node


def agrees(shown, reading):
    """Compare what the page shows with the same weights in torch."""
    phrase = list(shown["phrase"])
    scores, weights = reading.scores(phrase, shown["window"], shown["on"])
    for i, (each, expected) in enumerate(zip(shown["scores"], scores, strict=True)):
        assert bool(each) is (expected is not None)
        if expected is None:
            continue
        values = torch.tensor(list(expected.values()), dtype=torch.float64)
        close([score / 10 for score in each], values / 10)  # 1e-4 on the scores
        close(shown["readings"][i], values.softmax(dim=0))
        assert each.index(max(each)) == values.argmax().item()
        names, counted = reading.readings[phrase[i]], reading.look_up.counted(phrase, i)
        assert shown["counted"][i][1:] == list(counted.values())
        assert names[shown["counted"][i][0]] == reading.look_up.read(phrase, i)
    if shown["at"] >= 0:
        close(shown["weights"], weights[:, shown["at"] + 1])


def check(shown):
    agrees(shown, Reading(chapter_state(PhraseReader)))


def random_reader(characters=60, readings=9, seed=3, **options):
    """A figure as large as asked for, with random weights, that reads anything but evenly."""
    generator = torch.Generator().manual_seed(seed)
    known = "".join(chr(0x4E00 + 7 * i) for i in range(characters))
    names = [[f"{n}a", f"{n}b", f"{n}c"][: 2 + n % 2] for n in range(readings)]
    several = dict(zip(known, names, strict=False))
    rows = sum(map(len, several.values()))
    model = PhraseModel(characters, rows, 48, 6, 100.0)
    state = {
        name: torch.randn(tensor.shape, generator=generator) * (0.5 if tensor.ndim == 2 else 1)
        for name, tensor in model.state_dict().items()
    }
    state["attention.in_proj.weight"] *= 0.3  # heads that look at several characters
    places = torch.randint(0, characters, (40 * readings, 2), generator=generator).tolist()
    counts = Counter()
    for n, (left, right) in enumerate(places):
        character = known[n % readings]
        reading = several[character][n // readings % len(several[character])]
        before, after = known[left] if left % 5 else "", known[right] if right % 4 else ""
        counts[before, character, after, reading] += 1 + n % 3
    phrase = known[20] + known[1] + known[21]
    options = {"phrase": phrase, "examples": [phrase, known[2] + known[3]]} | options
    return PhraseReader(state, known, several, counts, **options)


def best(shown):
    """Return which reading of the chosen character is the most probable one."""
    shares = shown["readings"][shown["at"]]
    return shares.index(max(shares))


def with_reading(text):
    """The example, in which a reading has this name."""
    weights, characters, readings, _, heads = example()
    readings["乐"] = ["<b>", text]
    return PhraseReader(weights, characters, readings, {}, num_heads=heads, examples=["音乐"])


WIDE = {"shape": [1, 3], "scales": "AAA=", "steps": "ggg"}
FACTS = Facts(
    kind=PhraseReader,
    check=check,
    # The model reads otherwise than the count: that is what the figure is about.
    opening=lambda shown: best(shown) != shown["counted"][shown["at"]][0],
    tapped=[".attn-typed-example >> nth=1", ".attn-heads-switch input >> nth=1"],
    pressed=[
        (".attn-heads-switch input >> nth=0", ["Space"]),
        (".attn-typed-example >> nth=3", ["Enter"]),
        (".widget-text input", ["End", "Backspace"]),
    ],
    bad=[
        (
            {"weights": {}},
            "weights must have a width that 2 heads divide into even parts, got undefined",
        ),
        ({"weights": {"norm.weight": WIDE}}, "weights must have a width that 2 heads divide"),
        (
            {"characters": "好"},
            "weights.embed.weight.shape must be packed weights, got [12,16], not [4,16]",
        ),
        ({"characters": ""}, 'characters must be a text, got ""'),
        ({"readings": "乐\tlè"}, r'a character and two or more readings, got "乐\tlè"'),
        ({"counts": "音$"}, "counts must be 6 lines of neighbours and numbers, got 1"),
        ({"counts": "12\n\n\n\n\n"}, 'lines of neighbours and numbers, got "12"'),
        ({"examples": ["音乐", 3]}, 'examples must be a list of texts, got ["音乐",3]'),
        ({"phrase": 5}, "phrase must be a text, got 5"),
        ({"on": [True]}, "on must be 2 booleans, one for each head, got [true]"),
        ({"window": 99}, "window must be a whole number from 0 to 11, got 99"),
        ({"chosen": -1}, "chosen must be a whole number from 0 to 10, got -1"),
    ],
    marked=with_reading,
    special=lambda: [
        PhraseReader(phrase="乐"),
        PhraseReader(phrase="中国"),  # no character has several readings
        PhraseReader(phrase="a<b>&乐"),
        PhraseReader(examples=[]),
        random_reader(num_heads=12, phrase="一" * 10),
    ],
    largest=lambda: random_reader(2500, 240, phrase="一万一万一万一万一万"),
)


# --- the model and the look-up


def test_without_a_model_it_shows_one_set_by_hand():
    figure = PhraseReader()
    assert repr(figure) == "PhraseReader(9 characters, 3 with several readings, phrase='音乐')"
    wanted = {"音乐": "yuè", "快乐": "lè", "爱好": "hào", "好": "hǎo"}
    for phrase, reading in (wanted | {"中国银行": "háng", "行": "xíng"}).items():
        ((_, probabilities),) = figure.read(phrase)
        assert probabilities[reading] > 0.97, phrase
    assert figure.look_up("音乐") == [("乐", "lè")]  # after 音 it has counted nothing
    reading = Reading(figure.drawing.get_state())
    _, weights = reading.scores(list("音乐"))
    assert weights[0, 2, 1] > 0.95  # head 0 looks at what decides
    torch.testing.assert_close(weights[1], torch.full((4, 4), 0.25))
    off, _ = reading.scores(list("音乐"), on=[False, True])
    assert off[1]["lè"] > off[1]["yuè"]


def test_it_computes_what_a_model_of_these_modules_does():
    torch.manual_seed(5)
    model = PhraseModel(3, 4, 12, 3, 100.0)
    assert isinstance(model.attention, MultiHeadAttention)
    state = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    figure = PhraseReader(
        state, "甲乙丙", {"甲": ["a", "b"], "丙": ["c", "d"]}, num_heads=3, phrase="甲", examples=[]
    )
    ids = torch.tensor([[1, 5, 0, 3, 2]])  # 丙?甲 between the ends
    with torch.no_grad():
        x = model.embed(ids)
        x = x + model.attention(model.norm(x))[0]
        scores = model.output(model.final_norm(x))[0]
    expected = [scores[1, 2:].softmax(0), scores[3, :2].softmax(0)]
    read = figure.read(" 丙丁甲\n")
    assert [character for character, _ in read] == ["丙", "甲"]
    for (_, probabilities), wanted in zip(read, expected, strict=True):
        torch.testing.assert_close(
            torch.tensor(list(probabilities.values())), wanted, atol=0.06, rtol=0
        )


def test_it_states_how_far_packing_has_moved_the_weights():
    figure = random_reader()
    assert figure.rounding.keys() == figure.drawing.weights.keys()
    assert 0.02 < max(figure.rounding.values()) < 0.034


def test_the_look_up_goes_from_the_rarest_place_to_the_commonest():
    readings = {"乐": ["lè", "yuè"]}
    counts = {
        ("音", "乐", "会", "lè"): 1,  # each place says something else than the commoner one
        ("音", "乐", "家", "yuè"): 2,
        ("快", "乐", "会", "lè"): 3,
        ("", "乐", "会", "yuè"): 1,
        ("", "乐", "", "yuè"): 9,
    }
    look_up = LookUp(counts, readings)
    assert look_up.read("音乐会", 1) == "lè"  # both
    assert look_up.read("音乐迷", 1) == "yuè"  # after 音
    assert look_up.read("国乐会", 1) == "lè"  # before 会: 4 against 1
    assert look_up.read("国乐迷", 1) == "yuè"  # anywhere: 12 against 4
    assert look_up.counted("国乐会", 1) == {
        "both": [0, 0],
        "left": [0, 0],
        "right": [4, 1],
        "alone": [4, 12],
    }
    tie = LookUp({("一", "乐", "", "lè"): 1, ("一", "乐", "二", "yuè"): 1}, readings)
    assert tie.read("一乐三", 1) == "lè"  # as many anywhere, too: the first
    tie = LookUp({**counts, ("一", "乐", "", "lè"): 1, ("一", "乐", "二", "yuè"): 1}, readings)
    assert tie.read("一乐三", 1) == "yuè"  # the one that is more frequent anywhere


def test_counts_come_back_as_they_were():
    rows = [("乐", "lè"), ("乐", "yuè"), ("好", "hǎo"), ("好", "hào")]
    counts = {("音", "乐", "", "yuè"): 12, ("", "乐", "快", "yuè"): 1, ("", "好", "", "hào"): 3}
    text = write_counts(counts, rows)
    assert text == "\n^快音$12\n\n^$3"
    assert parse_counts(text, rows) == counts
    with pytest.raises(ValueError, match="zip"):
        parse_counts(text + "\n", rows)


def test_the_state_survives_json_with_sorted_keys():
    """As a notebook file writes it: the order of readings is that of the rows."""
    figure = random_reader()
    names = ("weights", "characters", "readings", "counts", "limits")
    saved = json.loads(
        json.dumps({name: getattr(figure.drawing, name) for name in names}, sort_keys=True)
    )
    phrase = figure.drawing.phrase
    assert Reading(saved).read(phrase) == figure.read(phrase)


# --- in JavaScript


def phrases(figure, count=200, seed=11):
    """Phrases of one to ten characters, of which the model knows most and the look-up some."""
    generator = torch.Generator().manual_seed(seed)
    known = figure.drawing.characters
    several = known[: len(figure.drawing.readings.splitlines())]
    made = []
    for n in range(count):
        draw = torch.randint(0, 10**6, (1 + n % 10,), generator=generator).tolist()
        texts = [(known, several, known, "?b中")[i % 4] for i in draw]
        made.append("".join(text[i // 4 % len(text)] for text, i in zip(texts, draw, strict=True)))
    return made + Reading(figure.drawing.get_state()).probes()[:50]


def test_node_reads_two_hundred_phrases_as_torch_does():
    figure = random_reader()
    reading = Reading(figure.drawing.get_state())
    cases = []
    for n, phrase in enumerate(phrases(figure)):
        on = [(n >> head) % 5 != 0 for head in range(6)]
        cases.append({"phrase": phrase, "chosen": n % 10, "window": n % 12, "on": on})
    names = ("weights", "characters", "readings", "counts", "limits")
    state = {name: getattr(figure.drawing, name) for name in names}
    done = subprocess.run(
        [node(), "tests/widgets/static/read.mjs"],
        input=json.dumps({"state": state, "cases": cases}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert len(answers) == len(cases) >= 250
    for shown in answers:
        agrees(shown, reading)
    assert sum(shown["at"] >= 0 for shown in answers) > 150
    scores = [each for shown in answers for each in shown["scores"] if each]
    assert {each.index(max(each)) for each in scores} == {0, 1, 2}
    counted = [each for shown in answers for each in shown["counted"] if each]
    assert sum(any(each[1]) for each in counted) > 40  # both neighbours were counted
    assert sum(not any(each[1]) and any(each[2]) for each in counted) > 40


# --- the same model by what it does


def state_of(figure):
    return copy.deepcopy({k: v for k, v in figure.drawing.get_state().items() if k != "layout"})


def test_last_bits_make_no_other_model():
    weights, characters, readings, counts, heads = example()
    before = state_of(PhraseReader())
    torch.manual_seed(1)
    for size, same in ((1e-7, True), (1e-3, True), (1.0, False)):
        moved = {name: w + size * torch.randn_like(w) * (w != 0) for name, w in weights.items()}
        figure = PhraseReader(moved, characters, readings, counts, num_heads=heads)
        assert (difference(before, state_of(figure)) is None) is same, size


def test_the_difference_is_told():
    before = state_of(random_reader())
    after = state_of(random_reader(seed=4)) | {"counts": before["counts"]}
    told = difference(before, after)
    assert told.startswith(f"{told[0]} in ")
    assert " was " in told
    assert "and is" in told
    for trait in ("characters", "readings", "counts"):
        other = copy.deepcopy(before)
        other[trait] = {
            "characters": before["characters"][::-1],
            "readings": before["readings"].replace("0a", "0z"),
            "counts": before["counts"].replace("$", "^", 1),
        }[trait]
        assert difference(before, other) == "it knows other characters, readings or counts"


def test_a_probability_may_move_by_the_margin_and_not_further():
    weights, characters, readings, counts, heads = example()
    weights = {name: w.clone() for name, w in weights.items()}
    weights["output.weight"].zero_()  # all that is left is the bias
    weights["output.bias"].zero_()
    before = state_of(PhraseReader(weights, characters, readings, counts, num_heads=heads))
    for off, same in ((0.8 * MARGIN, True), (1.3 * MARGIN, False)):
        odds = (0.5 + off) / (0.5 - off)
        weights["output.bias"][0] = torch.tensor(odds).log()
        after = state_of(PhraseReader(weights, characters, readings, counts, num_heads=heads))
        assert (difference(before, after) is None) is same


def test_some_two_hundred_phrases_are_compared():
    reading = Reading(state_of(random_reader(300, 50)))
    probes = reading.probes()
    assert 200 <= len(probes) < 400
    assert len(set(probes)) > 190
    assert all(reading.read(each) for each in probes)


# --- what does not fit


def arguments(**changed):
    weights, characters, readings, counts, heads = example()
    given = {"state_dict": weights, "characters": characters, "readings": readings}
    return given | {"counts": counts, "num_heads": heads} | changed


def changed_weights(**changed):
    weights = example()[0]
    for name, value in changed.items():
        weights.pop(name.replace("__", "."), None)
        if value is not None:
            weights[name.replace("__", ".")] = value
    return arguments(state_dict=weights)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (changed_weights(norm__bias=None), "state_dict must hold norm.bias"),
        (changed_weights(ff__weight=torch.ones(1)), "state_dict must not hold ff.weight"),
        (
            changed_weights(output__bias=torch.ones(5)),
            r"output.bias must have shape \(6,\) for 9 characters and 6 readings, got \(5,\)",
        ),
        (
            changed_weights(embed__weight=torch.ones(9, 16)),
            r"embed.weight must have shape \(12, 16\) for 9 characters .*, got \(9, 16\)",
        ),
        (changed_weights(norm__weight=torch.full((16,), torch.nan)), "norm.weight must be finite"),
        (arguments(num_heads=3), "num_heads must divide the width 16 into heads .* got 3"),
        (arguments(num_heads=16), "num_heads must be a whole number from 1 to 12, got 16"),
        (arguments(base=0), "base must be above 0, got 0"),
        (arguments(characters=""), "characters must be a text of different characters, got ''"),
        (arguments(characters="好好"), "characters must be a text of different characters"),
        (arguments(readings={}), "readings must hold a character with several readings"),
        (arguments(readings={"好": ["hǎo"]}), r"two or more .*, got \['hǎo'\] for '好'"),
        (arguments(readings={"好": ["hǎo", "hǎo"]}), "two or more different readings"),
        (arguments(readings={"好乐": ["a", "b"]}), "readings must name .* for '好乐'"),
        (arguments(readings={"好": ["a\tb", "c"]}), "readings must be texts in one line"),
        (arguments(counts={("", "好", "hǎo"): 1}), r"counts must be of \(left neighbour"),
        (arguments(counts={("", "好", "", "hé"): 1}), r"got \('', '好', '', 'hé'\)"),
        (arguments(counts={("1", "好", "", "hǎo"): 1}), r"got \('1', '好', '', 'hǎo'\)"),
        (arguments(counts={("^", "好", "", "hǎo"): 1}), r"got \('\^', '好', '', 'hǎo'\)"),
        (arguments(counts={("早上", "好", "", "hǎo"): 1}), r"got \('早上', '好', '', 'hǎo'\)"),
        (arguments(counts={("", "好", "", "hǎo"): 0}), "must be a whole number from 1"),
        (arguments(phrase=""), "phrase must have 1 to 10 characters, got ''"),
        (arguments(phrase="好" * 11), "phrase must have 1 to 10 characters"),
        (arguments(examples=["好", " "]), "examples must have 1 to 10 characters, got ' '"),
        (arguments(examples="好"), "examples must be up to 12 texts, got '好'"),
        (arguments(examples=["好"] * 13), "examples must be up to 12 texts"),
    ],
)
def test_bad_arguments(given, message):
    with pytest.raises(ValueError, match=message):
        PhraseReader(**given)


def test_a_damaged_state_is_refused():
    state = state_of(PhraseReader())
    without = {name: each for name, each in state["weights"].items() if name != "norm.weight"}
    with pytest.raises(ValueError, match=r"state_dict must hold norm\.weight"):
        Reading(state | {"weights": without})
    state["weights"]["norm.bias"]["steps"] = "abc"
    with pytest.raises(ValueError, match=r"steps of norm\.bias must be 16 digits, got 3"):
        Reading(state)


def test_what_is_typed_is_whatever_it_is():
    """The reader's text follows the field, however long; only Python's own argument is checked."""
    figure = PhraseReader()
    figure.drawing.phrase = "好" * 50
    assert figure.drawing.phrase == "好" * 50


def test_packed_weights_are_those_of_the_trait():
    weights = example()[0]
    assert PhraseReader().drawing.weights == pack(weights, steps=15)
