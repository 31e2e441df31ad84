"""CacheLab: without a bug the same text; what each bug does; page and torch agree."""

import pytest
import torch

from attnlib import KeyValueCache
from attnlib.widgets import CacheLab
from attnlib.widgets.cache_lab_model import BUGS, generate
from attnlib.widgets.translator_model import START, Translation
from tests.widgets.facts import Facts, chapter_state, close
from tests.widgets.test_translator import (
    BAD,
    BAD_ARGUMENTS,
    in_node,
    random_translator,
    sample_texts,
)

BEFORE = "14 February 1998"


def agrees(shown, translation, before):
    """Compare what the page shows with the same weights in torch."""
    if not shown["read"]:
        assert shown["made"] == shown["right"] == shown["off"] == []
        return
    found = generate(translation, shown["read"], shown["bug"], before)
    assert shown["right"] == translation.translate([shown["read"]])[0].made
    assert shown["made"] == found.made
    close([each / 10 for each in shown["off"]], torch.tensor(found.off) / 10)
    at = min(shown["step"], len(found.made)) - 1
    assert shown["slots"] == found.slots[at]
    close(shown["weights"], found.weights[at])
    assert shown["bytes"] == 2 * found.held[at] * translation.width * 4


def check(shown):
    state = chapter_state(CacheLab)
    agrees(shown, Translation(state), state["before"])


FACTS = Facts(
    kind=CacheLab,
    check=check,
    opening=lambda shown: shown["made"] != shown["right"],  # the bug is seen in the text
    tapped=[".attn-typed-example >> nth=1", ".widget-toggle-button >> nth=4"],
    pressed=[
        (".widget-toggle-button >> nth=5", ["Enter"]),
        (".attn-typed-example >> nth=2", ["Enter"]),
        (".widget-text input", ["End", "Backspace"]),
    ],
    bad=[
        *BAD,
        ({"before": None}, "before must be a text, got null"),
        ({"bug": 7}, "bug must be a whole number from 0 to 6, got 7"),
        ({"step": 0}, "step must be a whole number from 1 to 12, got 0"),
    ],
    marked=lambda text: CacheLab(text="<b>", examples=[text[:40], "&amp;"]),
    special=lambda: [
        *(CacheLab(bug=bug) for bug in BUGS),
        CacheLab(text="x", examples=[], before="x"),
    ],
    largest=lambda: random_translator(
        CacheLab, text="Wednesday, 30 September 2026, or later..", bug="stale"
    ),
)


def test_the_bugs_are_those_of_the_class():
    assert CacheLab.bugs == BUGS
    assert repr(CacheLab(bug="stale")) == (
        "CacheLab(31 characters, 11 symbols, text='Tuesday, 17 November 2026', bug='stale')"
    )


def test_a_cache_without_a_bug_writes_the_same_text():
    lab = random_translator(CacheLab)
    for text in sample_texts(8):
        made, off = lab.generate(text)
        assert made == lab.translate(text)
        assert off < 2e-5
    assert lab.generate("17") == lab.generate("17", "none")


@pytest.mark.parametrize("bug", BUGS[1:])
def test_each_bug_is_found_by_the_scores(bug):
    lab = random_translator(CacheLab)
    found = [lab.generate(text, bug) for text in sample_texts(6) if len(text) > 1]
    assert min(off for _, off in found) > 0.05


def decoder_by_hand(translation, text, tokens, positions, turns, seen):
    """Score what follows the tokens, each at its positions, seeing what it may.

    Every key is that of one token alone: with one block, keys depend on their token and place.
    """
    model = translation.model
    attention = model.decoder.self_attention
    heads, width = attention.num_heads, attention.embed_dim
    x = model.target(torch.tensor(tokens))
    rows = [model.positions(x[None, i : i + 1], offset=p)[0] for i, p in enumerate(positions)]
    rows = torch.cat(rows)
    read = model.decoder.self_attention_norm(rows)
    q, k, v = (
        part.view(len(tokens), heads, width // heads).transpose(0, 1)
        for part in attention.in_proj(read).chunk(3, dim=-1)
    )
    q_turn, k_turn = turns
    turn = attention.rotary
    q = torch.stack([turn(q[:, i : i + 1], offset=p)[:, 0] for i, p in enumerate(q_turn)], 1)
    k = torch.stack([turn(k[:, i : i + 1], offset=p)[:, 0] for i, p in enumerate(k_turn)], 1)
    query, keys, values = q[:, -1:], k[:, seen], v[:, seen]
    weights = (query @ keys.mT / (width // heads) ** 0.5).softmax(-1)
    out = attention.out_proj((weights @ values).transpose(0, 1).reshape(1, width))
    stream = (rows[-1:] + out)[None]
    memory, _ = translation.encode([text])
    block = model.decoder
    stream = stream + block.cross_attention(block.cross_attention_norm(stream), memory)[0]
    stream = stream + block.feed_forward(block.feed_forward_norm(stream))
    return model.output(model.decoder_norm(stream))[0, 0], weights[:, 0]


@pytest.mark.parametrize("bug", BUGS)
def test_each_bug_is_what_its_name_says(bug):
    """Each step, computed by hand from where its tokens were put and what was seen."""
    lab = random_translator(CacheLab)
    translation = Translation(lab.drawing.get_state())
    text = "17 Nov"
    found = generate(translation, text, bug, BEFORE)
    old = translation.translate([BEFORE])[0].fed if bug == "stale" else []
    lost = 1 if bug == "forget" else 0
    for step in range(lost, len(found.fed)):
        tokens = [*old, *found.fed[lost : step + 1]]
        places = list(range(len(tokens)))
        positions = [0] * len(tokens) if bug == "position" else places
        q_turn = k_turn = [0] * len(tokens) if bug == "rotary" else places
        k_turn = [2 * place for place in places] if bug == "twice" else k_turn
        seen = [0] if bug == "upper_left" else places
        with torch.no_grad():
            scores, weights = decoder_by_hand(
                translation, text, tokens, positions, (q_turn, k_turn), seen
            )
        assert scores.argmax() == found.made[step]
        assert found.slots[step] == tokens
        assert found.held[step] == len(tokens)
        close(found.weights[step][:, seen].tolist(), weights)
    if bug == "forget":
        assert found.slots[0] == [START]
        assert found.held[0] == 0


def test_the_model_is_left_as_it_was():
    lab = random_translator(CacheLab)
    before = lab.translate("17 Nov")
    for bug in BUGS:
        lab.generate("17 Nov", bug)
    assert lab.translate("17 Nov") == before
    assert lab.generate("17 Nov")[1] < 2e-5


def test_node_agrees_on_every_bug():
    lab = random_translator(CacheLab, before=BEFORE)
    translation = Translation(lab.drawing.get_state())
    cases = [
        {"text": text, "bug": n % len(BUGS), "step": 1 + n % 12}
        for n, text in enumerate(sample_texts(21))
    ]
    for shown in in_node(lab, "cache_lab", cases):
        agrees(shown, translation, BEFORE)


def test_bytes_are_those_of_a_cache_of_that_length():
    lab = random_translator(CacheLab)
    (shown,) = in_node(lab, "cache_lab", [{"text": "17 Nov", "bug": 0, "step": 2}])
    cache = KeyValueCache(1, 4, 2, 8, dtype=torch.float32)
    assert shown["bytes"] == cache.keys.nbytes + cache.values.nbytes


@pytest.mark.parametrize(("given", "message"), BAD_ARGUMENTS)
def test_bad_arguments(given, message):
    with pytest.raises(ValueError, match=message):
        CacheLab(**given)


def test_bad_arguments_of_its_own():
    with pytest.raises(ValueError, match=r"bug must be one of .*'stale'.*, got 'typo'"):
        CacheLab(bug="typo")
    with pytest.raises(ValueError, match="before must have 1 to 40 characters, got ''"):
        CacheLab(before="")
    with pytest.raises(ValueError, match=r"bug must be one of .*, got 'typo'"):
        CacheLab().generate("17", "typo")
