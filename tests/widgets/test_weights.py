"""attnlib.widgets.weights: what packing costs, and what a damaged text is told."""

import base64
import json

import pytest
import torch
from torch import nn

from attnlib.widgets.weights import pack, rounding, unpack

BAD = pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("shape", None, "w must have a shape of one or two lengths, got None"),
        ("shape", [2, 0], r"w must have a shape of one or two lengths, got \[2, 0\]"),
        ("shape", [2, 3, 1], "w must have a shape of one or two lengths"),
        ("shape", [2, 4], "steps of w must be 8 digits, got 6"),
        ("shape", [3, 2], "scales of w must be 3 numbers, got 2"),
        ("steps", "早", "steps of w must be digits of base64, got '早'"),
        ("steps", "abc", "steps of w must be 6 digits, got 3"),
        ("steps", "abcde=", "steps of w must be digits of base64, got 'abcde='"),
        ("steps", None, "steps of w must be digits of base64, got 'None'"),
        ("scales", "AAA=", "scales of w must be 2 numbers, got 1"),
        ("scales", "gH+AfwA=", "scales of w must be numbers in base64"),
        ("scales", base64.b64encode(b"\x80\x7f\x80\x7f").decode(), "scales of w must be finite"),
    ],
)


def mixed() -> dict[str, torch.Tensor]:
    """Tensors as they come: small and large rows, an empty one, a vector, hardly any number."""
    torch.manual_seed(7)
    matrix = torch.randn(11, 7) * torch.logspace(-6, 4, 11)[:, None]
    matrix[3] = 0
    return {
        "matrix": matrix,
        "row": torch.randn(1, 5),
        "vector": torch.randn(13),
        "zeros": torch.zeros(3),
        "tiny": torch.full((2,), 1e-44),
    }


def test_no_weight_is_off_by_more_than_half_a_step_of_its_row():
    tensors = mixed()
    back = unpack(pack(tensors))
    assert list(back) == list(tensors)
    for name, tensor in tensors.items():
        assert back[name].shape == tensor.shape
        assert back[name].dtype == torch.float32
        largest = tensor.abs().amax(dim=-1, keepdim=True)
        off = (back[name] - tensor).abs()
        assert (off <= largest / 62 * (1 + 2**-7) + 1e-40).all(), name
    assert (back["matrix"][3] == 0).all()


def test_it_states_its_error():
    tensors = {"a": torch.tensor([[1.0, 0.5], [100.0, 0.0]]), "b": torch.zeros(2)}
    packed = pack(tensors)
    stated = rounding(tensors, packed)
    off = (unpack(packed)["a"] - tensors["a"]).abs().max().item()
    assert stated == {"a": pytest.approx(off / 100), "b": 0.0}
    normal = {name: tensor for name, tensor in mixed().items() if name != "tiny"}
    assert 0 < max(rounding(normal, pack(normal)).values()) < 1 / 62 * (1 + 2**-7)
    # A packed text of something else shows.
    other = pack({name: tensor + 1 for name, tensor in tensors.items()})
    assert rounding(tensors, other)["a"] == pytest.approx(1 / 100, rel=0.5)


def test_the_text_by_hand():
    packed = pack({"w": torch.tensor([[31.0, -1.0, 0.4], [0.0, 0.0, 0.0]])})["w"]
    assert packed["steps"] == "/fgggg"  # 63, 31 and 32, from which 32 is taken
    scales = base64.b64decode(packed["scales"])
    assert scales == b"\x80\x3f\x00\x00"  # 1.0 is 3f80 0000 as a float32
    assert packed["shape"] == [2, 3]


def test_it_is_plain_json_and_a_digit_a_weight():
    layer = nn.Linear(48, 500)
    packed = pack(layer.state_dict())
    text = json.dumps(packed, allow_nan=False)
    assert unpack(json.loads(text)).keys() == layer.state_dict().keys()
    assert len(text) < 500 * 48 + 500 + 4 / 3 * 1002 + 300


@pytest.mark.parametrize("steps", [1, 15])
def test_fewer_steps_are_coarser(steps):
    weight = torch.randn(5, 40)
    back = unpack(pack({"w": weight}, steps=steps))["w"]
    largest = weight.abs().amax(dim=-1, keepdim=True)
    off = (back - weight).abs() / largest
    assert off.max() <= 1 / (2 * steps) * (1 + 2**-7)
    assert off.max() > 0.4 / steps
    assert all(len(row.unique()) <= 2 * steps + 1 for row in back)


@pytest.mark.parametrize("steps", [0, 32, 1.5, None])
def test_steps_that_no_digit_has(steps):
    with pytest.raises(ValueError, match=f"steps must be a whole number from 1 to 31, got {steps}"):
        pack({"w": torch.ones(2)}, steps=steps)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes_and_gradients_are_welcome(dtype):
    weight = torch.randn(3, 4).to(dtype).requires_grad_()
    back = unpack(pack({"w": weight}))["w"]
    torch.testing.assert_close(back, weight.detach().float(), atol=0.06, rtol=0)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(2, 3, 4), r"w must be a matrix or a vector .* got shape \(2, 3, 4\)"),
        (torch.tensor(1.0), r"w must be a matrix or a vector with entries, got shape \(\)"),
        (torch.zeros(0, 3), r"with entries, got shape \(0, 3\)"),
        (torch.tensor([1.0, torch.nan]), "w must be finite, got nan"),
        (torch.tensor([[1.0, -torch.inf]]), "w must be finite, got -inf"),
    ],
)
def test_what_cannot_be_packed(tensor, message):
    with pytest.raises(ValueError, match=message):
        pack({"w": tensor})


@BAD
def test_a_damaged_text_is_named(part, value, message):
    packed = pack({"w": torch.ones(2, 3)})
    packed["w"][part] = value
    with pytest.raises(ValueError, match=message):
        unpack(packed)


def test_something_else_is_no_packed_tensor():
    with pytest.raises(ValueError, match="w must have a shape"):
        unpack({"w": "text"})
    with pytest.raises(ValueError, match="packed weights must be tensors by name, got 'text'"):
        unpack("text")
