"""The layer under masks and biases of all kinds at once, against the formula head by head."""

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from attnlib import MultiHeadAttention, causal_mask, padding_mask
from tests.maths.reference import bytes_of, reference_attention, seeded

BATCH, HEADS, HEAD_DIM = 2, 3, 2
EMBED_DIM = HEADS * HEAD_DIM


class Case:
    """One call of a layer: its inputs, and what they mean written out for each head."""

    def __init__(self, seed: int, q_len: int, k_len: int | None, kinds: set[str]) -> None:
        self.generator = seeded(seed)
        # A parameter is made by torch's seed: the layer is another one in each example, too.
        torch.manual_seed(seed)
        self.layer = MultiHeadAttention(EMBED_DIM, HEADS, bias="bias of projections" in kinds)
        self.layer.double()
        self.query = self.normal(BATCH, q_len, EMBED_DIM)
        self.others = [] if k_len is None else [self.normal(BATCH, k_len, EMBED_DIM)]
        if k_len is not None and "other values" in kinds:
            self.others.append(self.normal(BATCH, k_len, EMBED_DIM))
        k_len = q_len if k_len is None else k_len
        self.lengths = q_len, k_len
        self.options: dict[str, Any] = {"is_causal": "causal" in kinds}
        masks = []
        if "valid_lens" in kinds:
            lens = torch.randint(0, k_len + 1, (BATCH,), generator=self.generator)
            masks.append(padding_mask(lens, k_len))
        if "mask of pairs" in kinds:
            masks.append(self.random(q_len, k_len))
        if "mask of heads" in kinds:
            masks = [each.unsqueeze(1) if each.ndim == 3 else each for each in masks]
            masks.append(self.random(1, HEADS, q_len, k_len))
        if masks:
            self.options["mask"] = masks[0]
            for mask in masks[1:]:
                self.options["mask"] = self.options["mask"] & mask
        if "bias of heads" in kinds:
            self.options["attn_bias"] = self.normal(HEADS, q_len, k_len)
        if "bias with -inf" in kinds:
            bias = self.options.get("attn_bias", self.normal(q_len, k_len))
            self.options["attn_bias"] = bias.masked_fill(self.random(q_len, k_len), -torch.inf)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def random(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.generator) < 0.6

    def allowed(self) -> Tensor:
        """Who may attend to whom, (batch, num_heads, q_len, k_len), from all that forbids."""
        mask = self.options.get("mask", torch.ones(1, 1, dtype=torch.bool))
        mask = mask.unsqueeze(1) if mask.ndim == 3 else mask
        mask = mask & (self.options.get("attn_bias", torch.zeros(1)) != -torch.inf)
        if self.options["is_causal"]:
            mask = mask & causal_mask(*self.lengths)
        return mask.expand(BATCH, HEADS, *self.lengths)

    def call(self, *inputs: Tensor, **other: Any) -> tuple[Tensor, Tensor | None]:
        output: tuple[Tensor, Tensor | None] = self.layer(
            *(inputs or (self.query, *self.others)), **self.options | other
        )
        return output

    def by_formula(self) -> tuple[Tensor, Tensor]:
        """Attend head by head and pair by pair, with the rows of the weights that are its own."""
        key = self.others[0] if self.others else self.query
        value = self.others[-1] if self.others else self.query
        outputs, weights = [], []
        for head in range(HEADS):
            q, k, v = (
                torch.nn.functional.linear(
                    x,
                    self.layer.in_proj.weight[first : first + HEAD_DIM],
                    None
                    if self.layer.in_proj.bias is None
                    else self.layer.in_proj.bias[first : first + HEAD_DIM],
                )
                for i, x in enumerate((self.query, key, value))
                for first in [i * EMBED_DIM + head * HEAD_DIM]
            )
            bias = self.options.get("attn_bias")
            if bias is not None and bias.ndim == 3:
                bias = bias[head]
            output, weight = reference_attention(q, k, v, self.allowed()[:, head], attn_bias=bias)
            outputs.append(output)
            weights.append(weight)
        return self.layer.out_proj(torch.cat(outputs, dim=-1)), torch.stack(weights, dim=1)


KINDS = (
    "bias of projections",
    "other values",
    "causal",
    "valid_lens",
    "mask of pairs",
    "mask of heads",
    "bias of heads",
    "bias with -inf",
)
CALLS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32 - 1),
        "q_len": st.integers(1, 4),
        "k_len": st.none() | st.integers(1, 5),
        "kinds": st.sets(st.sampled_from(KINDS)),
    }
)


@given(call=CALLS)
@torch.no_grad()
def test_every_combination_equals_the_formula(call: dict[str, Any]) -> None:
    case = Case(**call)
    tensors = [each for each in case.options.values() if isinstance(each, Tensor)]
    before = bytes_of(case.query, *case.others, *tensors)
    expected, expected_weights = case.by_formula()
    fused, none = case.call()
    explicit, weights = case.call(need_weights=True)
    assert none is None
    torch.testing.assert_close(fused, expected)
    torch.testing.assert_close(explicit, expected)
    torch.testing.assert_close(weights, expected_weights)
    assert bytes_of(case.query, *case.others, *tensors) == before


@given(call=CALLS, need_weights=st.booleans(), data=st.data())
@torch.no_grad()
def test_nothing_leaks_from_hidden_keys(
    call: dict[str, Any], need_weights: bool, data: st.DataObject
) -> None:
    """Whatever stands at a key that no head of a query may see, the query's output is the same."""
    case = Case(**call)
    key = case.others[0] if case.others else case.query
    value = case.others[-1] if case.others else case.query
    expected, _ = case.call(case.query, key, value, need_weights=need_weights)
    hidden = data.draw(st.integers(0, case.lengths[1] - 1))
    key, value = key.clone(), value.clone()
    key[:, hidden] = 100 * case.normal(BATCH, EMBED_DIM)
    value[:, hidden] = 100 * case.normal(BATCH, EMBED_DIM)
    output, _ = case.call(case.query, key, value, need_weights=need_weights)
    sees = case.allowed()[..., hidden].any(dim=1)  # (batch, q_len)
    torch.testing.assert_close(output[~sees], expected[~sees], rtol=1e-12, atol=1e-12)
    assert (output[sees] != expected[sees]).any(dim=-1).all()


@given(call=CALLS, need_weights=st.booleans())
@torch.no_grad()
def test_the_batch_is_only_a_batch(call: dict[str, Any], need_weights: bool) -> None:
    """Each text of a batch has the output that it has alone, in whichever place it stands."""
    case = Case(**call)
    expected, _ = case.call(need_weights=need_weights)
    for order in ([1, 0], [0], [1, 1, 0]):
        inputs = [each[order] for each in (case.query, *case.others)]
        output, _ = case.call(
            *inputs, need_weights=need_weights, is_causal=False, mask=case.allowed()[order]
        )
        torch.testing.assert_close(output, expected[order])


@given(call=CALLS, need_weights=st.booleans())
@torch.no_grad()
def test_keys_have_no_order_and_queries_keep_theirs(
    call: dict[str, Any], need_weights: bool
) -> None:
    """Only masks and biases know places: moved along with the tokens, they change nothing."""
    case = Case(**call)
    key = case.others[0] if case.others else case.query
    value = case.others[-1] if case.others else case.query
    expected, expected_weights = case.call(case.query, key, value, need_weights=need_weights)
    rows, columns = (torch.randperm(n, generator=case.generator) for n in case.lengths)
    bias = case.options.get("attn_bias")
    output, weights = case.call(
        case.query[:, rows],
        key[:, columns],
        value[:, columns],
        need_weights=need_weights,
        is_causal=False,
        mask=case.allowed()[..., rows, :][..., columns],
        attn_bias=None if bias is None else bias[..., rows, :][..., columns],
    )
    torch.testing.assert_close(output, expected[:, rows])
    if need_weights:
        assert weights is not None
        assert expected_weights is not None
        torch.testing.assert_close(weights, expected_weights[..., rows, :][..., columns])
