"""Chapter 3, continued: right answers that are tests."""

import torch

import attnlib
from tests.checks.answers.filing import right


def _sees(layer, length, width):
    x = torch.randn(1, length, width)
    return torch.autograd.functional.jacobian(layer, x)[0, :, :, 0].abs().sum(dim=(1, 3)) > 0


@right("is_causal")
def by_gradients(layer, length, width):
    return not (_sees(layer, length, width) & ~attnlib.causal_mask(length)).any()


@right("is_causal")
def by_changes(layer, length, width):
    x = torch.randn(1, length, width)
    for j in range(1, length):
        y = x.clone()
        y[0, j] += torch.randn(width)
        if not torch.allclose(layer(x)[0, :j], layer(y)[0, :j]):
            return False
    return True


@right("is_causal")
def by_cutting_off(layer, length, width):
    "A causal layer gives the same for a text that ends earlier."
    x = torch.randn(1, length, width)
    return all(
        torch.allclose(layer(x[:, :n]), layer(x)[:, :n], atol=1e-6) for n in range(1, length)
    )


@right("is_causal")
def many_tries(layer, length, width):
    ok = torch.tensor(True)
    for _ in range(3):
        x = torch.rand(1, length, width)
        for j in range(length):
            y = x.clone()
            y[:, j:] = torch.rand(1, length - j, width)
            ok &= torch.allclose(layer(x)[:, :j], layer(y)[:, :j], atol=1e-6)
    return ok


@right("catches_uniform_rows")
def forbidden_is_zero(weights_of):
    weights = weights_of(torch.randn(1, 3, 3), torch.tensor([1]))
    forbidden = ~(torch.tensor([[[False, False, True]]]) & torch.ones(3, 3).tril().bool())
    assert (weights[forbidden] == 0).all()


@right("catches_uniform_rows")
def first_row_empty(weights_of):
    return weights_of(torch.zeros(2, 4, 4), torch.tensor([2, 4]))[0, 0].sum() == 0


@right("catches_uniform_rows")
def filler_never_seen(weights_of):
    w = weights_of(torch.randn(1, 5, 5), torch.tensor([2]))
    assert w[..., :3].abs().max() < 1e-9


@right("catches_uniform_rows")
def nothing_ahead(weights_of):
    for n in range(1, 5):
        w = weights_of(torch.randn(1, 4, 4), torch.tensor([n]))
        torch.testing.assert_close(w.triu(1), torch.zeros(1, 4, 4))
