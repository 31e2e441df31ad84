"""The probabilities with which the next token is drawn."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import vmap

from attnlib import sampling_probabilities
from tests.maths.reference import bytes_of, seeded

# What is promised: see test_docstrings.py.
SIGNATURES = """
sampling_probabilities(logits, *, temperature=1.0, top_k=None, top_p=None)
"""

VOCABULARY = 7


def row(*shares: float) -> Tensor:
    """Logits of a row whose probabilities are these."""
    return torch.tensor(shares, dtype=torch.float64).log()


def by_hand(
    logits: list[float], temperature: float, top_k: int | None, top_p: float | None
) -> list[float]:
    """Compute the same for one row, token by token, as the docstring says it."""
    most = max(logits)
    if temperature == 0.0:
        shares = [float(each == most) for each in logits]
    else:
        shares = [2.718281828459045 ** ((each - most) / temperature) for each in logits]
    if top_k is not None:
        last = sorted(logits, reverse=True)[min(top_k, len(logits)) - 1]
        shares = [s if each >= last else 0.0 for s, each in zip(shares, logits, strict=True)]
    shares = [share / sum(shares) for share in shares]
    if top_p is not None:
        reached, last = 0.0, 0.0
        for share in sorted(shares, reverse=True):
            if reached < top_p:
                last = share
            reached += share
        shares = [share if share >= last else 0.0 for share in shares]
    return [share / sum(shares) for share in shares]


@given(
    seed=st.integers(0, 2**32 - 1),
    temperature=st.sampled_from([0.0, 0.3, 1.0, 2.5]),
    top_k=st.none() | st.integers(1, VOCABULARY + 2),
    top_p=st.none() | st.sampled_from([0.05, 0.37, 0.71, 0.93]),
    ties=st.booleans(),
)
def test_equals_the_description_row_by_row(
    seed: int, temperature: float, top_k: int | None, top_p: float | None, ties: bool
) -> None:
    logits = 2 * torch.randn(3, 2, VOCABULARY, generator=seeded(seed), dtype=torch.float64)
    logits = logits.round() if ties and not top_p else logits  # sums of ties round either way
    before = bytes_of(logits)
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    probabilities = sampling_probabilities(logits, **options)
    assert bytes_of(logits) == before
    assert probabilities.shape == logits.shape
    torch.testing.assert_close(probabilities.sum(dim=-1), torch.ones_like(logits[..., 0]))
    for mine, each in zip(probabilities.flatten(0, 1), logits.flatten(0, 1), strict=True):
        expected = by_hand(each.tolist(), temperature, top_k, top_p)
        torch.testing.assert_close(mine, torch.tensor(expected, dtype=mine.dtype))
    order = torch.randperm(VOCABULARY, generator=seeded(seed))
    torch.testing.assert_close(
        sampling_probabilities(logits[..., order], **options), probabilities[..., order]
    )


def test_plainly_it_is_a_softmax_with_its_gradient() -> None:
    logits = torch.randn(3, VOCABULARY, dtype=torch.float64, requires_grad=True)
    probabilities = sampling_probabilities(logits, temperature=0.7)
    expected = (logits / 0.7).softmax(dim=-1)
    torch.testing.assert_close(probabilities, expected)
    mixture = torch.randn_like(logits)
    torch.testing.assert_close(
        torch.autograd.grad((probabilities * mixture).sum(), logits),
        torch.autograd.grad((expected * mixture).sum(), logits),
    )


# --- temperature --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_temperature_zero_gives_all_to_the_largest(dtype: torch.dtype) -> None:
    logits = torch.randperm(5 * VOCABULARY).view(5, VOCABULARY).to(dtype)
    probabilities = sampling_probabilities(logits, temperature=0)
    assert probabilities.dtype == dtype
    assert torch.equal(probabilities.argmax(dim=-1), logits.argmax(dim=-1))
    assert sorted(probabilities.unique().tolist()) == [0.0, 1.0]
    for small in (1e-3, 1e-30, 1e-320):  # the limit is reached, not a division by nothing
        assert torch.equal(sampling_probabilities(logits, temperature=small), probabilities)


def test_at_temperature_zero_the_largest_share() -> None:
    logits = torch.tensor([1.0, 3.0, 3.0, -torch.inf])
    probabilities = sampling_probabilities(logits, temperature=0.0)
    assert probabilities.tolist() == [0.0, 0.5, 0.5, 0.0]
    assert probabilities.argmax() == logits.argmax() == 1  # the first of them, when greedy
    assert torch.equal(sampling_probabilities(logits, temperature=1e-9), probabilities)


def test_a_high_temperature_makes_all_alike() -> None:
    probabilities = sampling_probabilities(row(0.7, 0.2, 0.1), temperature=1e6)
    torch.testing.assert_close(
        probabilities, torch.full_like(probabilities, 1 / 3), atol=1e-5, rtol=0
    )


# --- top-k and top-p ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("top_k", "stays"), [(1, 1), (2, 4), (3, 4), (4, 4), (5, 5), (6, 6), (99, 6)]
)
def test_ties_at_the_kth_place_stay_in(top_k: int, stays: int) -> None:
    logits = row(0.04, 0.2, 0.2, 0.3, 0.2, 0.06)
    probabilities = sampling_probabilities(logits, top_k=top_k)
    kept = logits >= logits.sort(descending=True).values[stays - 1]
    torch.testing.assert_close(probabilities, logits.exp() * kept / (logits.exp() * kept).sum())


@pytest.mark.parametrize(
    ("top_p", "stays"), [(1e-9, 1), (0.5, 1), (0.51, 2), (0.75, 2), (0.76, 4), (0.9, 4), (1, 4)]
)
def test_the_token_that_crosses_p_stays_in(top_p: float, stays: int) -> None:
    """With powers of two, whose sums are exact; the last two are equally probable."""
    shares = torch.tensor([0.125, 0.5, 0.125, 0.25], dtype=torch.float64)
    kept = shares >= shares.sort(descending=True).values[stays - 1]
    probabilities = sampling_probabilities(shares.log(), top_p=top_p)
    torch.testing.assert_close(probabilities, shares * kept / (shares * kept).sum())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_with_p_one_nothing_is_lost_to_rounding(dtype: torch.dtype) -> None:
    """The sum of shares reaches 1 before all are in, where one has nearly all of it."""
    logits = (3 * torch.randn(10_007)).to(dtype)
    logits[7] = 40.0
    everything = sampling_probabilities(logits)
    assert torch.equal(sampling_probabilities(logits, top_p=1.0), everything)
    assert torch.equal(sampling_probabilities(logits, top_p=1), everything)
    logits[7] = 0.0
    kept = sampling_probabilities(logits, top_p=0.9) > 0
    all_shares = logits.float().softmax(dim=-1)
    assert 0.9 - 1e-4 < all_shares[kept].sum() < 0.91


def test_p_counts_what_k_and_the_temperature_have_left() -> None:
    logits = row(0.4, 0.3, 0.2, 0.1)
    together = sampling_probabilities(logits, top_k=2, top_p=0.5)
    assert together.tolist() == [1.0, 0.0, 0.0, 0.0]  # .4 of .7 is enough
    assert (sampling_probabilities(logits, top_p=0.5) > 0).sum() == 2
    cold = sampling_probabilities(logits, temperature=0.5, top_p=0.5)
    assert (cold > 0).sum() == 1


def test_what_is_forbidden_is_never_drawn() -> None:
    logits = torch.tensor([[0.0, -torch.inf, 2.0, -torch.inf, 1.0]])
    for options in ({}, {"top_k": 4}, {"top_p": 1.0}, {"top_p": 0.999}, {"temperature": 1e5}):
        probabilities = sampling_probabilities(logits, **options)
        assert (probabilities[0, [1, 3]] == 0).all()
        torch.testing.assert_close(probabilities.sum(), torch.tensor(1.0))


def test_draws_come_as_often_as_they_say() -> None:
    probabilities = sampling_probabilities(row(0.5, 0.3, 0.15, 0.05), top_k=3)
    drawn = torch.multinomial(probabilities, 10_000, replacement=True).bincount(minlength=4)
    torch.testing.assert_close(drawn.double() / 10_000, probabilities, atol=0.02, rtol=0)


# --- robustness, and what is refused ------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0, VOCABULARY), (2, 0, 3), (1,), (3, 1)])
def test_nothing_to_choose(shape: tuple[int, ...]) -> None:
    logits = torch.zeros(shape)
    probabilities = sampling_probabilities(logits, top_k=2, top_p=0.5)
    assert probabilities.shape == shape
    assert torch.equal(probabilities.sum(dim=-1), torch.ones(shape[:-1]))


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_traced_and_mapped_it_is_the_same() -> None:
    def choose(logits: Tensor) -> Tensor:
        return sampling_probabilities(logits, temperature=0.8, top_k=5, top_p=0.7)

    logits = torch.randn(3, VOCABULARY)
    expected = choose(logits)
    torch.testing.assert_close(vmap(choose)(logits), expected)
    compiled = torch.compile(choose, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(logits), expected)
    assert choose(logits.to("meta")).is_meta
    with torch.device("meta"):
        torch.testing.assert_close(choose(logits), expected)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, r"^temperature must be a finite number of at least 0, got -0.1$"),
        ({"temperature": float("nan")}, r"^temperature must .*, got nan$"),
        ({"temperature": float("inf")}, r"^temperature must .*, got inf$"),
        ({"top_k": 0}, r"^top_k must be an integer of at least 1, got 0$"),
        ({"top_k": -3}, r"^top_k must be an integer of at least 1, got -3$"),
        ({"top_k": 0.9}, r"^top_k must be an integer of at least 1, got 0.9$"),
        ({"top_k": True}, r"^top_k must be an integer of at least 1, got True$"),
        ({"top_p": 0}, r"^top_p must lie above 0 and be at most 1, got 0$"),
        ({"top_p": 1.01}, r"^top_p must lie above 0 and be at most 1, got 1.01$"),
        ({"top_p": -0.5}, r"^top_p must .*, got -0.5$"),
        ({"top_p": float("nan")}, r"^top_p must .*, got nan$"),
    ],
)
def test_bad_settings_are_named(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sampling_probabilities(torch.zeros(VOCABULARY), **options)


@pytest.mark.usefixtures("as_users_call")
def test_bad_logits_are_named() -> None:
    for logits, message in [
        (torch.tensor(1.0), r"^logits must be floating-point .*; got torch.float32 of shape \(\)$"),
        (torch.zeros(2, 0), r"^logits must .* one token at least; got torch.float32 .* \(2, 0\)$"),
        (torch.zeros(3, dtype=torch.int64), r"^logits must be .*; got torch.int64 .* \(3,\)$"),
        (torch.tensor([[0.0, 1.0], [torch.nan, 1.0]]), r"^the largest .* be finite, got \[nan\]$"),
        (torch.tensor([0.0, torch.inf]), r"^the largest .* be finite, got \[inf\]$"),
        (torch.full((2, 3), -torch.inf), r"^the largest .* got \[-inf, -inf\]$"),
    ]:
        with pytest.raises(ValueError, match=message):
            sampling_probabilities(logits)
