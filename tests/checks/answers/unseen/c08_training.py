"""Chapter 8: training. Answers by writers who had not seen the checks."""

import math
import re

import torch
from torch import nn
from torch.nn import functional as F

from tests.checks.answers.filed import right, wrong

# ------------------------------------------------------------- batch_numbers
# 12 real places of 21, loss 0.6 at each; hits: 6 real, 9 padded

right("batch_numbers")([7.2 / 21, 0.6, 15 / 21])
right("batch_numbers")((0.34, 0.6, 0.71))
right("batch_numbers")(torch.tensor([12 * 0.6 / (3 * 7), 0.6, (0.5 * 12 + 9) / (3 * 7)]))

# takes mean() for the mean over real places everywhere, as if padding left itself out
wrong("batch_numbers", "padding_left_out")([0.6, 0.6, 0.5])
# divides the loss of the real places by all 21 places in the second number, too
wrong("batch_numbers", "real_mean_over_all")([0.343, 0.343, 0.714])
# hits at padded places not counted in the numerator: 6 of 21
wrong("batch_numbers", "padding_wrong")([0.343, 0.6, 0.286])
# hits over the real places only: 6 of 12
wrong("batch_numbers", "accuracy_without_padding")([0.343, 0.6, 0.5])
# averages the two groups, real and padded, with equal weight instead of by number of places
wrong("batch_numbers", "groups_weigh_the_same")([0.3, 0.6, 0.75])
# divides the losses by the number of phrases (3) instead of the number of places
wrong("batch_numbers", "divided_by_phrases")([2.4, 0.6, 0.714])
# counts the signs for beginning and end of each phrase as real places: 18 of 27
wrong("batch_numbers", "signs_counted")([0.4, 0.6, 0.667])


# ---------------------------------------------------------------- asked_loss


@right("asked_loss")
def loss_place_by_place(logits, labels):
    lost = []
    for row, wanted in zip(logits, labels):
        for scores, label in zip(row, wanted.tolist()):
            if label != -100:
                lost.append(torch.logsumexp(scores, dim=0) - scores[label])
    return torch.stack(lost).mean()


@right("asked_loss")
def loss_by_where(logits, labels):
    asks = labels.ne(-100)
    index = torch.where(asks, labels, torch.zeros_like(labels))
    own = torch.take_along_dim(logits, index.unsqueeze(2), dim=2).squeeze(2)
    each = logits.logsumexp(dim=2) - own
    return torch.where(asks, each, torch.zeros_like(each)).sum() / asks.sum()


@right("asked_loss")
def loss_by_nll(logits, labels):
    flat = torch.flatten(logits, 0, 1)
    lost = F.nll_loss(
        F.log_softmax(flat, dim=1), labels.flatten(), ignore_index=-100, reduction="sum"
    )
    return lost / torch.count_nonzero(labels + 100)


# the sum is divided by all places, unasked and padding among them
@wrong("asked_loss", "padding_in_denominator")
def loss_over_all(logits, labels):
    each = F.cross_entropy(logits.mT, labels, ignore_index=-100, reduction="none")
    return each.mean()


# unasked places are not left out but get label 0
@wrong("asked_loss", "labels_not_ignored")
def loss_class_0(logits, labels):
    log_p = logits.log_softmax(dim=-1)
    return -log_p.gather(2, labels.clamp(min=0)[..., None]).mean()


# softmax twice: probabilities handed to cross_entropy, which wants logits
@wrong("asked_loss", "softmax_before_the_loss")
def loss_two_softmaxes(logits, labels):
    return F.cross_entropy(logits.softmax(dim=-1).mT, labels)


# the mean of each phrase's mean: places of phrases that ask little weigh more
@wrong("asked_loss", "mean_of_phrases")
def loss_phrase_by_phrase(logits, labels):
    each = F.cross_entropy(logits.mT, labels, reduction="none")
    asked = (labels != -100).sum(dim=1)
    return (each.sum(dim=1) / asked)[asked > 0].mean()


# labels > 0 picks the places: class 0 is left out, too
@wrong("asked_loss", "class_zero_left_out")
def loss_without_class_0(logits, labels):
    asks = labels > 0
    return F.cross_entropy(logits[asks], labels[asks])


# reshapes to (batch, classes, length) instead of transposing: numbers are mixed up
@wrong("asked_loss", "reshaped_not_transposed")
def loss_reshaped(logits, labels):
    batch, length, classes = logits.shape
    return F.cross_entropy(logits.reshape(batch, classes, length), labels)


# softmax over the length (dim 1) instead of over the classes
@wrong("asked_loss", "softmax_over_positions")
def loss_over_length(logits, labels):
    asks = labels != -100
    log_p = logits.log_softmax(dim=1)[asks]
    return -log_p.gather(1, labels[asks][:, None]).mean()


# ------------------------------------------------------------------ accuracy


@right("accuracy")
def accuracy_counted(logits, labels):
    hits = n = 0
    for row, wanted in zip(logits, labels.tolist()):
        for scores, label in zip(row.tolist(), wanted):
            if label == -100:
                continue
            n += 1
            hits += max(range(len(scores)), key=scores.__getitem__) == label
    return torch.tensor(hits / n)


@right("accuracy")
def accuracy_in_double(logits, labels):
    flat, wanted = logits.flatten(0, 1), labels.flatten()
    asked = torch.nonzero(wanted != -100).squeeze(1)
    best = flat[asked].topk(1, dim=1).indices.squeeze(1)
    return torch.eq(best, wanted[asked]).double().mean()


@right("accuracy")
def accuracy_by_probabilities(logits, labels):
    best = logits.softmax(dim=2).max(dim=2).indices  # the softmax keeps the order
    return (best == labels).sum() / (labels != -100).sum()


# divided by all places, unasked and padding among them
@wrong("accuracy", "unasked_counted_wrong")
def accuracy_over_all(logits, labels):
    return (logits.argmax(dim=-1) == labels).float().mean()


# argmax over the length (dim 1): names a place for each class
@wrong("accuracy", "argmax_over_positions")
def accuracy_wrong_axis(logits, labels):
    asks = labels != -100
    return (logits.argmax(dim=1) == labels)[asks].float().mean()


# unasked places count as right
@wrong("accuracy", "unasked_counted_right")
def accuracy_unasked_right(logits, labels):
    hits = (logits.argmax(dim=-1) == labels) | (labels == -100)
    return hits.float().mean()


# the mean of each phrase's accuracy instead of that over all asked places
@wrong("accuracy", "accuracy_of_phrases")
def accuracy_phrase_by_phrase(logits, labels):
    asks = labels != -100
    hits = (logits.argmax(dim=-1) == labels) & asks
    n = asks.sum(dim=1)
    return (hits.sum(dim=1) / n)[n > 0].mean()


# labels > 0 picks the places: class 0 is left out, too
@wrong("accuracy", "class_zero_left_out")
def accuracy_without_class_0(logits, labels):
    asks = labels > 0
    return (logits[asks].argmax(dim=-1) == labels[asks]).float().mean()


# the share of phrases that are right at all their places, not the share of places
@wrong("accuracy", "accuracy_of_phrases")
def accuracy_whole_phrases(logits, labels):
    fine = (logits.argmax(dim=-1) == labels) | (labels == -100)
    return fine.all(dim=1).float().mean()


# the mean probability of the right class instead of how often it is the likeliest
@wrong("accuracy", "probability_of_label")
def accuracy_soft(logits, labels):
    asks = labels != -100
    p = logits[asks].softmax(dim=-1)
    return p.gather(1, labels[asks][:, None]).mean()


# --------------------------------------------------------------------- leaks


def pieces(phrase):
    n = len(phrase)
    return {phrase[i:j] for i in range(n) for j in range(i + 1, n + 1)}


@right("leaks")
def leaks_by_sets(train, held):
    held = set(held)
    inside = set()
    for phrase in held:
        inside |= pieces(phrase)
    number = 0
    for phrase in train:
        if phrase in inside or not held.isdisjoint(pieces(phrase)):
            number += 1
    return number


@right("leaks")
def leaks_by_patterns(train, held):
    held = list(held)
    if not held:
        return 0
    everything = "\n".join(held)
    contains = re.compile("|".join(map(re.escape, held)))
    return len([t for t in train if t in everything or contains.search(t)])


class Related:
    def __init__(self, held):
        self.held = tuple(held)

    def __call__(self, phrase):
        for other in self.held:
            short, long = sorted((phrase, other), key=len)
            if long.find(short) >= 0:
                return True
        return False


right("leaks")(lambda train, held: len(list(filter(Related(held), train))))


# counts only phrases that are themselves held out, the careless split's test
@wrong("leaks", "only_the_same")
def leaks_equal(train, held):
    held = set(held)
    return sum(t in held for t in train)


# only one direction: train contains held; parts of held phrases are missed
@wrong("leaks", "parts_forgotten")
def leaks_contains(train, held):
    return sum(any(h in t for h in held) for t in train)


# only one direction: train is part of held; phrases round a held one are missed
@wrong("leaks", "wholes_forgotten")
def leaks_part_of(train, held):
    return sum(any(t in h for h in held) for t in train)


# counts pairs: a phrase that is related to several held ones counts several times
@wrong("leaks", "pairs_counted")
def leaks_pairs(train, held):
    return sum(h in t or t in h for t in train for h in held)


# counts the phrases of held that leak instead of those of train
@wrong("leaks", "held_out_counted")
def leaks_held(train, held):
    return sum(any(h in t or t in h for t in train) for h in held)


# any two characters in common count: siblings, of which neither contains the other
@wrong("leaks", "neighbours_shared")
def leaks_siblings(train, held):
    def pairs(phrase):
        return {phrase[i : i + 2] for i in range(len(phrase) - 1)}

    near = set().union(*map(pairs, held))
    return sum(not near.isdisjoint(pairs(t)) for t in train)


# looks only at the beginnings of phrases (startswith), not inside or at the end
@wrong("leaks", "only_beginnings")
def leaks_beginnings(train, held):
    return sum(any(t.startswith(h) or h.startswith(t) for h in held) for t in train)


# --------------------------------------------------------------- next_labels


@right("next_labels")
def labels_by_lists(tokens, pad):
    rows = []
    for row in tokens.tolist():
        following = row[1:] + [pad]
        rows.append([-100 if token == pad else token for token in following])
    return torch.tensor(rows, dtype=tokens.dtype)


@right("next_labels")
def labels_by_roll(tokens, pad):
    length = tokens.shape[1]
    following = tokens.roll(shifts=-1, dims=1)
    none_comes = torch.arange(length) == length - 1
    return following.masked_fill(none_comes | (following == pad), -100)


right("next_labels")(
    lambda tokens, pad: F.pad(
        tokens[:, 1:].masked_fill(tokens[:, 1:].eq(pad), -100), (0, 1), value=-100
    )
)


# no shift: each place is asked for the token that it sees
@wrong("next_labels", "not_shifted")
def labels_unshifted(tokens, pad):
    return tokens.masked_fill(tokens == pad, -100)


# shifted the wrong way: the label is the token before
@wrong("next_labels", "shifted_the_other_way")
def labels_before(tokens, pad):
    labels = torch.full_like(tokens, -100)
    labels[:, 1:] = tokens[:, :-1]
    return labels.masked_fill(labels == pad, -100)


# roll without a mask: the last place gets the first token of its row
@wrong("next_labels", "first_comes_after_last")
def labels_round(tokens, pad):
    labels = tokens.roll(-1, dims=1)
    return labels.masked_fill(labels == pad, -100)


# one column short: the last place is cut off instead of set to -100
@wrong("next_labels", "wrong_shape")
def labels_short(tokens, pad):
    labels = tokens[:, 1:]
    return labels.masked_fill(labels == pad, -100)


# shifted, but padding stays among the labels, it isn't set to -100
@wrong("next_labels", "padding_asked")
def labels_with_padding(tokens, pad):
    labels = torch.full_like(tokens, -100)
    labels[:, :-1] = tokens[:, 1:]
    return labels


# masks where the place is padding, not its label: the last real token is asked for padding
@wrong("next_labels", "padding_mask_not_shifted")
def labels_mask_of_inputs(tokens, pad):
    labels = torch.full_like(tokens, -100)
    labels[:, :-1] = tokens[:, 1:]
    return labels.masked_fill(tokens == pad, -100)


# takes padding to be 0 always, `pad` is not used
@wrong("next_labels", "padding_taken_for_zero")
def labels_pad_0(tokens, pad):
    labels = torch.full_like(tokens, -100)
    labels[:, :-1] = tokens[:, 1:]
    labels[labels == 0] = -100
    return labels


# ----------------------------------------------------------- catches_dropout


@right("catches_dropout")
def reading_like_eval(read):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 5))
    x = torch.randn(7, 6)
    model.eval()
    with torch.no_grad():
        expected = model(x)
    model.train()
    torch.testing.assert_close(read(model, x), expected)


@right("catches_dropout")
def reading_spied_on(read):
    modes = []

    class Spy(nn.Module):
        def forward(self, x):
            modes.append(self.training)
            return x

    read(nn.Sequential(Spy(), nn.Identity()), torch.zeros(2, 3))
    assert modes, "the model was never called"
    assert not any(modes), "the model was read in training mode"


@right("catches_dropout")
def reading_ones(read):
    output = read(nn.Dropout(p=0.9), torch.ones(1000))
    if (output != 1).any():
        raise AssertionError("something was dropped")


# puts the model into eval mode itself before reading: misses the bug
@wrong("catches_dropout", "evaluation_mode_given")
def reading_after_eval(read):
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5)).eval()
    x = torch.randn(4, 8)
    assert torch.equal(read(model, x), read(model, x))


# the model has no dropout, so the mode makes no difference: misses the bug
@wrong("catches_dropout", "no_dropout_to_find")
def reading_without_dropout(read):
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    x = torch.randn(4, 8)
    assert torch.equal(read(model, x), read(model, x))


# the same seed before both readings: the same is dropped twice, misses the bug
@wrong("catches_dropout", "seeded_alike")
def reading_seeded(read):
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
    x = torch.randn(4, 8)
    torch.manual_seed(0)
    first = read(model, x)
    torch.manual_seed(0)
    second = read(model, x)
    assert torch.equal(first, second)


# tests only that no gradients are kept, which no_grad sees to: misses the bug
@wrong("catches_dropout", "read_only_once")
def reading_gradients(read):
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
    output = read(model, torch.randn(4, 8))
    assert not output.requires_grad
    assert all(p.grad is None for p in model.parameters())


# wants the model to be in eval mode after reading: rejects a right one that restores the mode
@wrong("catches_dropout", "test_rejects_right")
def reading_mode_afterwards(read):
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
    read(model, torch.randn(4, 8))
    assert not model.training


# the model drops in either mode (F.dropout without training=…): rejects right functions
@wrong("catches_dropout", "never_rests")
def reading_functional_dropout(read):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 8)

        def forward(self, x):
            return F.dropout(self.linear(x), 0.5)

    model, x = Model(), torch.randn(4, 8)
    assert torch.equal(read(model, x), read(model, x))


# a fresh model for each reading: other weights, other outputs, rejects right functions
@wrong("catches_dropout", "never_read_twice")
def reading_two_models(read):
    def make():
        return nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))

    x = torch.randn(4, 8)
    assert torch.equal(read(make(), x), read(make(), x))
