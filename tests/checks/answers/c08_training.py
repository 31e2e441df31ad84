"""Chapter 8: training. Right answers and wrong ones, as readers write them."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tests.checks.answers.filed import RIGHT, WRONG, right, wrong

# --- 8.1 ---

RIGHT["batch_numbers"] = [
    [7.2 / 21, 0.6, 15 / 21],
    [0.34, 0.6, 0.71],
    (0.343, 0.6, 0.714),
    np.array([0.3429, 0.6, 0.7143]),
    torch.tensor([0.343, 0.6, 0.714]).tolist(),
    [0.35, 0.60, 0.72],
    [12 / 21 * 0.6, 0.6, (6 + 9) / 21],
    [0.3428571, 0.6, 5 / 7],
]
WRONG["batch_numbers"] = [
    ("padding_left_out", [0.6, 0.6, 0.5]),
    ("means_swapped", [0.6, 0.34, 0.71]),
    ("accuracy_without_padding", [0.34, 0.6, 0.5]),
    ("padding_wrong", [0.34, 0.6, 0.29]),
    ("sums_given", [7.2, 7.2, 15]),
    ("divided_by_phrases", [2.4, 2.4, 5]),
    ("divided_by_padding", [0.8, 0.6, 0.71]),
    ("padding_costs_as_much", [0.6, 0.6, 0.71]),
    ("per_cent_not_asked", [0.34, 0.6, 71.4]),
    ("padding_costs_as_much", [0.6, 0.6, 0.75]),
    ("wrong_shape", [0.34, 0.6]),
    ("accuracy_without_padding", [0.343, 0.6, 6 / 12]),
]

# --- 8.2 ---


@right("asked_loss")
def by_torch(logits, labels):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


@right("asked_loss")
def by_torch_transposed(logits, labels):
    return F.cross_entropy(logits.mT, labels, ignore_index=-100)


@right("asked_loss")
def by_torch_transpose(logits, labels):
    return nn.CrossEntropyLoss()(logits.transpose(1, 2), labels)


@right("asked_loss")
def only_asked(logits, labels):
    asked = labels != -100
    return F.nll_loss(logits[asked].log_softmax(-1), labels[asked])


@right("asked_loss")
def gathered(logits, labels):
    asked = labels != -100
    chosen = logits.log_softmax(-1).gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return -(chosen * asked).sum() / asked.sum()


@right("asked_loss")
def with_logsumexp(logits, labels):
    asked = labels >= 0
    x, y = logits[asked], labels[asked]
    return (x.logsumexp(-1) - x[torch.arange(len(y)), y]).mean()


@right("asked_loss")
def summed_then_divided(logits, labels):
    total = F.cross_entropy(logits.mT, labels, reduction="sum")
    return total / (labels != -100).sum()


@right("asked_loss")
def with_a_loop(logits, labels):
    losses = []
    for row, asked in zip(logits, labels):
        for scores, label in zip(row, asked):
            if label != -100:
                losses.append(-torch.log_softmax(scores, 0)[label])
    return torch.stack(losses).mean()


@right("asked_loss")
def one_hot(logits, labels):
    asked = labels != -100
    hot = F.one_hot(labels.clamp(min=0), logits.shape[-1]) * asked[..., None]
    return -(hot * logits.log_softmax(-1)).sum() / asked.sum()


@right("asked_loss")
def weights_of_positions(logits, labels):
    w = (labels != -100).double()
    losses = F.cross_entropy(logits.double().mT, labels.clamp(min=0), reduction="none")
    return (losses * w).sum() / w.sum()


def _each(logits, labels):
    return F.cross_entropy(logits.mT, labels, reduction="none")


for said, answer in (
    ("padding_in_denominator", lambda x, y: _each(x, y).mean()),
    ("padding_in_denominator", lambda x, y: F.cross_entropy(x.mT, y, reduction="sum") / y.numel()),
    ("padding_in_denominator", lambda x, y: (F.cross_entropy(x.mT, y.clamp(min=0), reduction="none") * (y != -100)).mean()),
    ("labels_not_ignored", lambda x, y: F.cross_entropy(x.mT, y.clamp(min=0))),
    ("labels_not_ignored", lambda x, y: F.cross_entropy(x.mT, torch.where(y == -100, 0, y))),
    ("labels_not_ignored", lambda x, y: F.cross_entropy(x.mT, y.clamp(min=0), ignore_index=-100)),
    ("mean_of_phrases", lambda x, y: torch.stack([F.cross_entropy(a, b) for a, b in zip(x, y)]).mean()),
    ("mean_of_phrases", lambda x, y: sum(F.cross_entropy(a, b) for a, b in zip(x, y)) / len(x)),
    ("loss_summed", lambda x, y: F.cross_entropy(x.mT, y, reduction="sum")),
    ("loss_summed", lambda x, y: _each(x, y).sum()),
    ("divided_by_batch", lambda x, y: _each(x, y).sum() / x.shape[0]),
    ("divided_by_batch", lambda x, y: _each(x, y).sum(1).mean()),
    ("divided_by_length", lambda x, y: _each(x, y).sum(0).mean()),
    ("divided_by_classes", lambda x, y: F.cross_entropy(x.mT, y) / x.shape[-1]),
    ("loss_not_averaged", _each),
    ("loss_not_averaged", lambda x, y: _each(x, y)[y != -100]),
    ("perplexity_given", lambda x, y: F.cross_entropy(x.mT, y).exp()),
    ("sign_forgotten", lambda x, y: x.log_softmax(-1)[y != -100].gather(1, y[y != -100][:, None]).mean()),
    ("logarithm_of_two", lambda x, y: F.cross_entropy(x.mT, y) / math.log(2)),
    ("softmax_before_the_loss", lambda x, y: F.cross_entropy(x.softmax(-1).mT, y)),
    ("softmax_before_the_loss", lambda x, y: nn.CrossEntropyLoss()(F.softmax(x, dim=2).permute(0, 2, 1), y)),
    ("softmax_over_positions", lambda x, y: F.nll_loss(x.log_softmax(1).mT, y)),
    ("softmax_over_positions", lambda x, y: F.nll_loss(F.log_softmax(x, dim=0).mT, y)),
    ("classes_not_normalised", lambda x, y: F.nll_loss(x.mT, y)),
    ("logarithm_missing", lambda x, y: F.nll_loss(x.softmax(-1).mT, y)),
    ("logarithm_missing", lambda x, y: 1 - x.softmax(-1)[y != -100].gather(1, y[y != -100][:, None]).mean()),
    ("log_of_exponentials", lambda x, y: F.cross_entropy(x.exp().mT, y)),
    (("softmax_before_the_loss", "padding_in_denominator"), lambda x, y: _each(x.softmax(-1), y).mean()),
    (("softmax_before_the_loss", "loss_summed"), lambda x, y: _each(x.softmax(-1), y).sum()),
    ("positions_taken_for_classes", lambda x, y: F.cross_entropy(x, y)),
    ("positions_taken_for_classes", lambda x, y: F.cross_entropy(x.mT.flatten(0, 1), y.flatten())),
    ("raises", lambda x, y: F.cross_entropy(x.flatten(0, 1), y)),
    ("wrong_type", lambda x, y: F.cross_entropy(x.mT, y).item()),
    ("class_zero_left_out", lambda x, y: F.cross_entropy(x.mT, y.clamp(min=0), ignore_index=0)),
    ("class_zero_left_out", lambda x, y: F.cross_entropy(x.mT, y, reduction="sum") / (y > 0).sum()),
    ("class_zero_left_out", lambda x, y: _each(x, y)[y > 0].sum() / (y != -100).sum()),
    ("reshaped_not_transposed", lambda x, y: F.cross_entropy(x.mT.reshape(-1, x.shape[-1]), y.flatten())),
    ("reshaped_not_transposed", lambda x, y: F.cross_entropy(x.view(len(x), x.shape[2], -1), y)),
):  # fmt: skip
    wrong("asked_loss", said)(answer)


# --- 8.3 ---


@right("accuracy")
def masked(logits, labels):
    asked = labels != -100
    return (logits.argmax(-1)[asked] == labels[asked]).float().mean()


@right("accuracy")
def sums(logits, labels):
    return (logits.argmax(dim=2) == labels).sum() / (labels != -100).sum()


@right("accuracy")
def with_max(logits, labels):
    _, best = logits.max(-1)
    asked = labels.ge(0)
    return ((best == labels) & asked).sum().double() / asked.sum()


@right("accuracy")
def with_topk(logits, labels):
    best = logits.topk(1).indices.squeeze(-1)
    return best.eq(labels)[labels != -100].float().mean()


@right("accuracy")
def of_probabilities(logits, labels):
    best = logits.softmax(-1).argmax(-1)
    hits = (best == labels).float()
    w = (labels >= 0).float()
    return (hits * w).sum() / w.sum()


@right("accuracy")
def in_a_loop(logits, labels):
    right = asked = 0
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            if labels[i, j] == -100:
                continue
            asked += 1
            right += int(logits[i, j].argmax() == labels[i, j])
    return torch.tensor(right / asked)


@right("accuracy")
def flattened(logits, labels):
    x, y = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
    keep = y != -100
    return torch.mean((x[keep].argmax(1) == y[keep]).to(torch.float64))


@right("accuracy")
def with_argsort(logits, labels):
    best = logits.argsort(dim=-1, descending=True)[..., 0]
    return (best == labels).sum() / labels.ne(-100).sum()


@right("accuracy")
def where_nan(logits, labels):
    hits = torch.where(labels == -100, torch.nan, (logits.argmax(-1) == labels).float())
    return hits.nanmean()


for said, answer in (
    ("argmax_over_positions", lambda x, y: (x.argmax(1) == y)[y != -100].float().mean()),
    ("argmax_over_positions", lambda x, y: (x.argmax(dim=0) == y)[y != -100].float().mean()),
    ("argmax_over_positions", lambda x, y: (x.argmax(1) == y).sum() / (y != -100).sum()),
    ("argmax_over_positions", lambda x, y: (x.argmax(1) == y).float().mean()),
    ("unasked_counted_wrong", lambda x, y: (x.argmax(-1) == y).float().mean()),
    ("unasked_counted_wrong", lambda x, y: (x.argmax(-1) == y).sum() / y.numel()),
    ("unasked_counted_right", lambda x, y: ((x.argmax(-1) == y) | (y == -100)).float().mean()),
    ("label_zero_for_unasked", lambda x, y: (x.argmax(-1) == y.clamp(min=0)).float().mean()),
    ("errors_counted", lambda x, y: (x.argmax(-1) != y)[y != -100].float().mean()),
    ("hits_not_shared", lambda x, y: (x.argmax(-1) == y).sum()),
    ("hits_not_shared", lambda x, y: (x.argmax(-1) == y).sum(1).float().mean()),
    ("accuracy_of_phrases", lambda x, y: torch.stack([(a.argmax(-1) == b)[b != -100].float().mean() for a, b in zip(x, y)]).mean()),
    ("smallest_taken", lambda x, y: (x.argmin(-1) == y)[y != -100].float().mean()),
    ("smallest_taken", lambda x, y: ((-x).argmax(-1) == y)[y != -100].float().mean()),
    ("probability_of_label", lambda x, y: x.softmax(-1)[y != -100].gather(1, y[y != -100][:, None]).mean()),
    ("confidence_given", lambda x, y: x.softmax(-1).max(-1).values[y != -100].mean()),
    ("share_in_per_cent", lambda x, y: 100 * (x.argmax(-1) == y).sum() / (y != -100).sum()),
    ("hits_not_averaged", lambda x, y: x.argmax(-1) == y),
    ("hits_not_averaged", lambda x, y: (x.argmax(-1) == y)[y != -100]),
    ("class_zero_left_out", lambda x, y: (x.argmax(-1) == y)[y > 0].float().mean()),
    ("class_zero_left_out", lambda x, y: (x.argmax(-1) == y).sum() / (y > 0).sum()),
    ("reshaped_not_transposed", lambda x, y: (x.reshape(len(x), x.shape[2], -1).argmax(1) == y)[y != -100].float().mean()),
    ("raises", lambda x, y: (x.argmax(-1)[y] == y).mean()),
    ("wrong_type", lambda x, y: (x.argmax(-1) == y)[y != -100].float().mean().item()),
):  # fmt: skip
    wrong("accuracy", said)(answer)

# --- 8.4 ---


@right("leaks")
def any_any(train, held):
    return sum(any(h in t or t in h for h in held) for t in train)


@right("leaks")
def list_of_them(train, held):
    return len([t for t in train if any(t in h for h in held) or any(h in t for h in held)])


@right("leaks")
def with_loops(train, held):
    count = 0
    for t in train:
        for h in held:
            if t.find(h) >= 0 or h.find(t) >= 0:
                count += 1
                break
    return count


@right("leaks")
def with_parts(train, held):
    def parts(p):
        return {p[i:j] for i in range(len(p)) for j in range(i + 1, len(p) + 1)}

    inside = set().union(*map(parts, held))
    return sum(t in inside or not parts(t).isdisjoint(held) for t in train)


@right("leaks")
def one_long_string(train, held):
    everything = "|".join(held)
    return sum(t in everything or any(h in t for h in held) for t in train)


@right("leaks")
def complement(train, held):
    clean = [t for t in train if not any(h in t or t in h for h in held)]
    return len(train) - len(clean)


@right("leaks")
def as_tensor(train, held):
    return torch.tensor([[h in t or t in h for h in held] for t in train]).any(1).sum()


@right("leaks")
def as_array(train, held):
    return np.array([[h in t or t in h for h in held] for t in train]).any(axis=1).sum()


@right("leaks")
def shorter_in_longer(train, held):
    def near(a, b):
        a, b = sorted((a, b), key=len)
        return a in b

    return sum(map(lambda t: any(near(t, h) for h in held), train))


for said, answer in (
    ("parts_forgotten", lambda train, held: sum(any(h in t for h in held) for t in train)),
    ("wholes_forgotten", lambda train, held: sum(any(t in h for h in held) for t in train)),
    ("only_the_same", lambda train, held: len(set(train) & set(held))),
    ("only_the_same", lambda train, held: sum(t in held for t in train)),
    ("character_shared", lambda train, held: sum(any(c in h for h in held for c in t) for t in train)),
    ("character_shared", lambda train, held: sum(not set(t).isdisjoint("".join(held)) for t in train)),
    ("characters_contained", lambda train, held: sum(any(set(t) <= set(h) or set(h) <= set(t) for h in held) for t in train)),
    ("only_beginnings", lambda train, held: sum(any(t.startswith(h) or h.startswith(t) for h in held) for t in train)),
    ("only_beginnings", lambda train, held: sum(t.startswith(tuple(held)) for t in train)),
    ("same_not_counted", lambda train, held: sum(any((h in t or t in h) and h != t for h in held) for t in train)),
    ("neighbours_shared", lambda train, held: sum(any(t[i : i + 2] in h for h in held for i in range(len(t) - 1)) for t in train)),
    ("pairs_counted", lambda train, held: sum(h in t or t in h for h in held for t in train)),
    ("pairs_counted", lambda train, held: len([1 for t in train for h in held if t in h or h in t])),
    ("held_out_counted", lambda train, held: sum(any(h in t or t in h for t in train) for h in held)),
    ("clean_counted", lambda train, held: sum(not any(h in t or t in h for h in held) for t in train)),
    ("share_instead_of_number", lambda train, held: sum(any(h in t or t in h for h in held) for t in train) / len(train)),
    ("wrong_type", lambda train, held: [t for t in train if any(h in t or t in h for h in held)]),
    ("no_return", lambda train, held: print(sum(any(h in t or t in h for h in held) for t in train))),
):  # fmt: skip
    wrong("leaks", said)(answer)

# --- 8.5 ---


@right("next_labels")
def shifted(tokens, pad):
    labels = torch.full_like(tokens, -100)
    labels[:, :-1] = tokens[:, 1:]
    labels[labels == pad] = -100
    return labels


@right("next_labels")
def rolled(tokens, pad):
    labels = tokens.roll(-1, dims=1)
    labels[:, -1] = -100
    return labels.masked_fill(labels == pad, -100)


@right("next_labels")
def concatenated(tokens, pad):
    nothing = torch.full((len(tokens), 1), -100)
    labels = torch.cat([tokens[:, 1:], nothing], dim=1)
    return torch.where(labels == pad, -100, labels)


@right("next_labels")
def padded(tokens, pad):
    labels = F.pad(tokens[:, 1:], (0, 1), value=-100)
    return labels.masked_fill(labels.eq(pad), -100)


@right("next_labels")
def padded_with_pad(tokens, pad):
    labels = F.pad(tokens[:, 1:], (0, 1), value=pad)
    return labels.where(labels != pad, torch.tensor(-100))


@right("next_labels")
def with_lists(tokens, pad):
    rows = [[-100 if t == pad else t for t in [*row[1:], pad]] for row in tokens.tolist()]
    return torch.tensor(rows)


@right("next_labels")
def with_lengths(tokens, pad):
    length = (tokens != pad).sum(1, keepdim=True)
    place = torch.arange(tokens.shape[1])
    return torch.where(place < length - 1, tokens.roll(-1, 1), -100)


@right("next_labels")
def gathered_labels(tokens, pad):
    index = (torch.arange(tokens.shape[1]) + 1).clamp(max=tokens.shape[1] - 1)
    labels = tokens[:, index].clone()
    labels[:, -1] = -100
    labels[labels == pad] = -100
    return labels.int()


@right("next_labels")
def in_two_steps(tokens, pad):
    out = tokens.clone()
    for row in out:
        row[:-1] = row[1:].clone()
        row[-1] = -100
        row[row == pad] = -100
    return out


def _moved(tokens, last):
    return F.pad(tokens[:, 1:], (0, 1), value=last)


for said, answer in (
    ("not_shifted", lambda tokens, pad: tokens),
    ("not_shifted", lambda tokens, pad: tokens.masked_fill(tokens == pad, -100)),
    ("shifted_the_other_way", lambda tokens, pad: F.pad(tokens[:, :-1], (1, 0), value=-100).masked_fill(F.pad(tokens[:, :-1], (1, 0), value=-100) == pad, -100)),
    ("shifted_twice", lambda tokens, pad: F.pad(tokens[:, 2:], (0, 2), value=pad).masked_fill(F.pad(tokens[:, 2:], (0, 2), value=pad) == pad, -100)),
    ("first_comes_after_last", lambda tokens, pad: tokens.roll(-1, 1)),
    ("first_comes_after_last", lambda tokens, pad: torch.where(tokens.roll(-1, 1) == pad, -100, tokens.roll(-1, 1))),
    ("last_asked", lambda tokens, pad: torch.cat([tokens[:, 1:], tokens[:, -1:]], 1).masked_fill(torch.cat([tokens[:, 1:], tokens[:, -1:]], 1) == pad, -100)),
    ("padding_asked", lambda tokens, pad: _moved(tokens, -100)),
    ("pad_for_unasked", _moved),
    ("padding_mask_not_shifted", lambda tokens, pad: _moved(tokens, -100).masked_fill(tokens == pad, -100)),
    ("end_not_asked", lambda tokens, pad: _moved(tokens, pad).masked_fill(_moved(_moved(tokens, pad), pad) == pad, -100)),
    ("wrong_shape", lambda tokens, pad: tokens[:, 1:].masked_fill(tokens[:, 1:] == pad, -100)),
    ("padding_taken_for_zero", lambda tokens, pad: _moved(tokens, -100).masked_fill(_moved(tokens, -100) == 0, -100)),
    (("padding_mask_not_shifted", "padding_taken_for_zero"), lambda tokens, pad: torch.where(tokens == 0, -100, _moved(tokens, -100))),
    ("returned_pair", lambda tokens, pad: (tokens[:, :-1], tokens[:, 1:])),
    ("wrong_shape", lambda tokens, pad: tokens[:, 1:]),
    ("phrases_shifted", lambda tokens, pad: torch.cat([tokens[1:], torch.full_like(tokens[:1], -100)]).masked_fill(torch.cat([tokens[1:], torch.full_like(tokens[:1], pad)]) == pad, -100)),
):  # fmt: skip
    wrong("next_labels", said)(answer)


@wrong("next_labels", "input_mutated")
def in_place(tokens, pad):
    tokens[:, :-1] = tokens[:, 1:].clone()
    tokens[:, -1] = -100
    tokens[tokens == pad] = -100
    return tokens


# --- 8.6 ---


def _net():
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))


@right("catches_dropout")
def twice(read):
    model, x = _net(), torch.randn(5, 8)
    assert torch.equal(read(model, x), read(model, x))


@right("catches_dropout")
def like_eval(read):
    model, x = _net(), torch.randn(5, 8)
    came_out = read(model, x)
    torch.testing.assert_close(came_out, model.eval()(x))


@right("catches_dropout")
def dropout_alone(read):
    x = torch.ones(100)
    return bool((read(nn.Dropout(0.5), x) == x).all())


@right("catches_dropout")
def many_times(read):
    model, x = _net(), torch.randn(5, 8)
    results = [read(model, x) for _ in range(10)]
    assert all(torch.allclose(results[0], each) for each in results)


@right("catches_dropout")
def no_zeros(read):
    assert (read(nn.Dropout(0.9), torch.ones(1000)) != 0).all()


@right("catches_dropout")
def same_row_twice(read):
    model = _net()
    x = torch.randn(1, 8).repeat(2, 1)
    a, b = read(model, x)
    assert torch.allclose(a, b)


@right("catches_dropout")
def spy_on_mode(read):
    class Spy(nn.Module):
        modes = []

        def forward(self, x):
            self.modes.append(self.training)
            return x

    spy = Spy()
    read(spy, torch.ones(1))
    assert Spy.modes[-1] is False


@right("catches_dropout")
def with_seeds(read):
    model, x = _net(), torch.randn(5, 8)
    torch.manual_seed(0)
    one = read(model, x)
    torch.manual_seed(1)
    assert torch.equal(one, read(model, x))


@right("catches_dropout")
def against_a_copy(read):
    model, x = _net(), torch.randn(5, 8)
    calm = copy.deepcopy(model).eval()
    assert (read(model, x) - calm(x)).abs().max() < 1e-6


@wrong("catches_dropout", "no_dropout_to_find")
def plain_linear(read):
    model, x = nn.Linear(8, 3), torch.randn(5, 8)
    assert torch.equal(read(model, x), read(model, x))


@wrong("catches_dropout", "no_dropout_to_find")
def dropout_of_nothing(read):
    model, x = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.0)), torch.randn(5, 8)
    assert torch.equal(read(model, x), read(model, x))


@wrong("catches_dropout", "evaluation_mode_given")
def already_in_eval(read):
    model, x = _net().eval(), torch.randn(5, 8)
    assert torch.equal(read(model, x), read(model, x))


@wrong("catches_dropout", "read_only_once")
def shape_only(read):
    assert read(_net(), torch.randn(5, 8)).shape == (5, 3)


@wrong("catches_dropout", "read_only_once")
def finite(read):
    return read(_net(), torch.randn(5, 8)).isfinite().all()


@wrong("catches_dropout", "seeded_alike")
def seeded_each_time(read):
    model, x = _net(), torch.randn(5, 8)
    torch.manual_seed(0)
    one = read(model, x)
    torch.manual_seed(0)
    assert torch.equal(one, read(model, x))


@wrong("catches_dropout", "test_reversed")
def must_differ(read):
    model, x = _net(), torch.randn(5, 8)
    assert not torch.equal(read(model, x), read(model, x))


@wrong("catches_dropout", "test_rejects_right")
def always_fails(read):
    raise AssertionError


@wrong("catches_dropout", "test_rejects_right")
def wants_softmax(read):
    model, x = _net(), torch.randn(5, 8)
    assert torch.equal(read(model, x), read(model, x))
    assert torch.allclose(read(model, x).sum(-1), torch.ones(5))


@wrong("catches_dropout", "test_raises")
def misspelt(read):
    model, x = _net(), torch.randn(5, 8)
    assert torch.equal(read(model), read(model))


@wrong("catches_dropout", "test_raises")
def wrong_width(read):
    assert torch.equal(read(_net(), torch.randn(5, 7)), read(_net(), torch.randn(5, 7)))


@wrong("catches_dropout", "test_rejects_right")
def leaves_in_eval(read):
    model, x = _net(), torch.randn(5, 8)
    assert torch.equal(read(model, x), read(model, x))
    assert not model.training


@wrong("catches_dropout", "never_read_twice")
def two_models(read):
    x = torch.randn(5, 8)
    assert torch.equal(read(_net(), x), read(_net(), x))


@wrong("catches_dropout", "never_read_twice")
def two_inputs(read):
    model = _net()
    assert torch.equal(read(model, torch.randn(5, 8)), read(model, torch.randn(5, 8)))


@wrong("catches_dropout", "never_rests")
def noise_of_its_own(read):
    class Noisy(nn.Module):
        def forward(self, x):
            return F.dropout(x, 0.5)

    x = torch.ones(5, 8)
    assert torch.equal(read(Noisy(), x), x)


@wrong("catches_dropout", "test_misses_bug")
def two_means(read):
    model, x = _net(), torch.randn(5, 8)
    assert read(model, x).shape == read(model, x).shape
