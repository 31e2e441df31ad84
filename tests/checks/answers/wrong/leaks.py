"""Chapter 3, continued: wrong answers that are tests."""

import torch

from tests.checks.answers.filing import wrong


@wrong("is_causal", "always_true")
def compares_with_itself(layer, length, width):
    x = torch.randn(1, length, width)
    return torch.allclose(layer(x), layer(x))


@wrong("is_causal", "past_taken_for_future")
def wrong_triangle(layer, length, width):
    x = torch.randn(1, length, width)
    for j in range(length):
        y = x.clone()
        y[0, j] += 1
        if not torch.allclose(layer(x)[0, j + 1 :], layer(y)[0, j + 1 :]):
            return False
    return True


@wrong("is_causal", "own_token_taken_for_future")
def includes_itself(layer, length, width):
    x = torch.randn(1, length, width)
    for j in range(length):
        y = x.clone()
        y[0, j] += 1
        if not torch.allclose(layer(x)[0, : j + 1], layer(y)[0, : j + 1]):
            return False
    return True


@wrong("is_causal", "only_last_token_changed")
def last_token(layer, length, width):
    x = torch.randn(1, length, width)
    y = x.clone()
    y[0, -1] = 0
    return torch.allclose(layer(x)[:, :-1], layer(y)[:, :-1])


@wrong("is_causal", "verdict_reversed")
def leaks(layer, length, width):
    x = torch.randn(1, length, width)
    return any(
        not torch.allclose(layer(x)[:, :n], layer(x[:, :n]), atol=1e-6) for n in range(1, length)
    )


@wrong("is_causal", "wrong_type")
def returns_table(layer, length, width):
    return torch.ones(length, length)


@wrong("catches_uniform_rows", "test_misses_bug")
def rows_add_up_or_not(weights_of):
    w = weights_of(torch.randn(1, 3, 3), torch.tensor([3]))
    assert torch.allclose(w.sum(-1), torch.ones(1, 3))


@wrong("catches_uniform_rows", "test_reversed")
def rows_add_up(weights_of):
    w = weights_of(torch.randn(1, 3, 3), torch.tensor([1]))
    assert torch.allclose(w.sum(-1), torch.ones(1, 3))
