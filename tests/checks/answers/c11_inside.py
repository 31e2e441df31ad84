"""Chapter 11: inside a trained model. Right answers and wrong ones, as readers write them."""

import numpy as np
import torch
import torch.nn.functional as F

from tests.checks.answers.filed import RIGHT, WRONG, right, wrong

# --- 11.1 ---

RIGHT["look_back"] = [
    [1, 2, 1, 1, 4],
    (1, 2, 1, 1, 4),
    [1.0, 2.0, 1.0, 1.0, 4.0],
    np.array([1, 2, 1, 1, 4]),
    torch.tensor([1, 2, 1, 1, 4]).tolist(),
    [2 - 1, 1 + 1, 0 + 1, 0 + 1, 3 + 1],
]
WRONG["look_back"] = [
    ("looks_at_same_sign", [1, 1, 0, 0, 3]),
    ("looks_at_same_sign", (1, 1, 0, 0, 3)),
    ("looks_at_newest", [1, 3, 2, 5, 5]),
    ("looks_at_newest", [1, 4, 3, 6, 6]),
    ("previous_is_next", [3, 2, 1, 1, 4]),
    ("previous_is_itself", [2, 2, 1, 1, 4]),
    ("places_from_one", [2, 3, 2, 2, 5]),
    (None, [0, 0, 0, 0, 0]),
    ("wrong_shape", [1, 2, 1, 1]),
]

# --- 11.2 ---


@right("previous_score")
def diagonal(weights):
    return weights.diagonal(-1, 1, 2).mean(-1)


@right("previous_score")
def in_loops(weights):
    out = []
    for head in weights:
        out.append(sum(head[i, i - 1] for i in range(1, len(head))) / (len(head) - 1))
    return torch.stack(out)


@right("previous_score")
def indexed(weights):
    place = torch.arange(1, weights.shape[1])
    return weights[:, place, place - 1].mean(dim=1)


@right("previous_score")
def cut(weights):
    return torch.stack([torch.diagonal(w[1:, :-1]).mean() for w in weights])


@right("previous_score")
def masked(weights):
    n = weights.shape[-1]
    below = torch.ones(n, n).diag().diag_embed().roll(1, 0)
    below[0] = 0
    return (weights * below).sum((1, 2)) / (n - 1)


@right("previous_score")
def with_eye(weights):
    n = weights.shape[-1]
    return torch.einsum("hij,ij->h", weights, torch.eye(n).roll(-1, 1)) / (n - 1)


@right("previous_score")
def traced(weights):
    return torch.tensor([torch.trace(w[1:, :-1]).item() for w in weights]) / (weights.shape[1] - 1)


for said, answer in (
    ("diagonal_above", lambda w: w.diagonal(1, 1, 2).mean(-1)),
    ("diagonal_above", lambda w: torch.stack([h[:-1, 1:].diagonal().mean() for h in w])),
    ("diagonal_itself", lambda w: w.diagonal(0, 1, 2).mean(-1)),
    ("diagonal_itself", lambda w: torch.einsum("hii->h", w) / w.shape[1]),
    ("diagonal_two_back", lambda w: w.diagonal(-2, 1, 2).mean(-1)),
    ("first_place_counted", lambda w: w.diagonal(-1, 1, 2).sum(-1) / w.shape[1]),
    ("score_summed", lambda w: w.diagonal(-1, 1, 2).sum(-1)),
    ("scores_of_heads_averaged", lambda w: w.diagonal(-1, 1, 2).mean()),
    ("scores_of_heads_averaged", lambda w: w.mean(0).diagonal(-1).mean()),
    ("scores_of_heads_averaged", lambda w: w.mean(0, keepdim=True).diagonal(-1, 1, 2).mean(-1)),
    ("largest_counted", lambda w: (w[:, 1:].argmax(-1) == torch.arange(w.shape[1] - 1)).float().mean(-1)),
    ("weights_softmaxed", lambda w: w.softmax(-1).diagonal(-1, 1, 2).mean(-1)),
    ("wrong_shape", lambda w: w.diagonal(-1, 1, 2)),
    ("no_return", lambda w: print(w.diagonal(-1, 1, 2).mean(-1))),
    ("raises", lambda w: w.diagonal(-1, 2, 3).mean((0, 2))),
):  # fmt: skip
    wrong("previous_score", said)(answer)

# --- 11.3 ---


@right("induction_score")
def with_matrices(weights, tokens):
    same = (tokens[:, None] == tokens).tril(-1)
    found = (weights[:, :, 1:] * same[:, :-1]).sum(-1)
    return found[:, same.any(-1)].mean(-1)


@right("induction_score")
def rolled(weights, tokens):
    same = torch.tril(tokens.unsqueeze(1) == tokens.unsqueeze(0), -1)
    after = F.pad(same, (1, 0))[:, :-1].float()
    total = torch.einsum("hij,ij->hi", weights, after)
    known = same.sum(1) > 0
    return total[:, known].sum(1) / known.sum()


@right("induction_score")
def loops(weights, tokens):
    text, per_head = tokens.tolist(), []
    for head in weights:
        found = [
            sum(head[i, j + 1].item() for j in range(i) if text[j] == text[i])
            for i in range(len(text))
            if text[i] in text[:i]
        ]
        per_head.append(sum(found) / len(found))
    return torch.tensor(per_head)


@right("induction_score")
def told_before(weights, tokens):
    before = torch.cat([torch.tensor([-1]), tokens[:-1]])  # what stood before each place
    told = torch.tril(before[None] == tokens[:, None])
    known = [i for i in range(len(tokens)) if tokens[i] in tokens[:i]]
    return (weights * told).sum(2)[:, known].mean(1)


@right("induction_score")
def head_by_head(weights, tokens):
    def score(w):
        rows = []
        for i in range(len(tokens)):
            at = (tokens[:i] == tokens[i]).nonzero().flatten() + 1
            if len(at):
                rows.append(w[i, at].sum())
        return torch.stack(rows).mean()

    return torch.stack([score(w) for w in weights])


@right("induction_score")
def future_copies_too(weights, tokens):
    same = (tokens[:, None] == tokens).fill_diagonal_(False)  # what is later has no weight
    found = (weights[:, :, 1:] * same[:, :-1]).sum(-1)
    return found[:, same.tril().any(-1)].mean(-1)


@right("induction_score")
def with_numpy(weights, tokens):
    t, w = tokens.numpy(), weights.numpy()
    same = np.tril(t[:, None] == t[None], -1)
    found = (w[:, :, 1:] * same[None, :, :-1]).sum(-1)
    return torch.from_numpy(found[:, same.any(1)].mean(1))


def same_of(tokens):
    return (tokens[:, None] == tokens).tril(-1)


def scored(w, tokens, places):
    return (w * places).sum(-1)[:, same_of(tokens).any(-1)].mean(-1)


def after_of(tokens):
    return F.pad(same_of(tokens), (1, 0))[:, :-1]


for said, answer in (
    ("score_of_same_sign", lambda w, t: scored(w, t, same_of(t))),
    ("score_of_same_sign", lambda w, t: torch.stack([torch.stack([h[i, :i][t[:i] == t[i]].sum() for i in range(len(t)) if t[i] in t[:i]]).mean() for h in w])),
    ("score_before_copy", lambda w, t: scored(w, t, F.pad(same_of(t), (0, 1))[:, 1:])),
    ("score_two_further", lambda w, t: scored(w, t, F.pad(same_of(t), (2, 0))[:, :-2])),
    ("last_copy_only", lambda w, t: torch.stack([torch.stack([h[i, (t[:i] == t[i]).nonzero().max() + 1] for i in range(len(t)) if t[i] in t[:i]]).mean() for h in w])),
    ("first_copy_only", lambda w, t: torch.stack([torch.stack([h[i, t.tolist().index(int(t[i])) + 1] for i in range(len(t)) if t[i] in t[:i]]).mean() for h in w])),
    ("places_without_copy_counted", lambda w, t: (w * after_of(t)).sum(-1).mean(-1)),
    ("places_without_copy_counted", lambda w, t: (w[:, :, 1:] * (t[:, None] == t).tril()[:, :-1].tril(-1)).sum((1, 2)) / len(t)),
    ("score_summed", lambda w, t: (w * after_of(t)).sum((1, 2))),
    ("copies_averaged", lambda w, t: w[:, after_of(t)].mean(-1)),
    ("copies_averaged", lambda w, t: ((w * after_of(t)).sum(-1) / same_of(t).sum(-1))[:, same_of(t).any(-1)].mean(-1)),
    ("scores_of_heads_averaged", lambda w, t: scored(w, t, after_of(t)).mean()),
    ("scores_of_heads_averaged", lambda w, t: scored(w.mean(0, keepdim=True), t, after_of(t))),
    ("previous_scored", lambda w, t: w.diagonal(-1, 1, 2).mean(-1)),
    ("fixed_offset", lambda w, t: w.diagonal(1 - (t[1:].tolist().index(t[0]) + 1), 1, 2).mean(-1)),
    ("fixed_offset", lambda w, t: w.diagonal(1 - len(t) // 2, 1, 2).mean(-1)),
    ("fixed_offset", lambda w, t: w.diagonal(1 - len(set(t.tolist())), 1, 2).mean(-1)),
    ("fixed_offset", lambda w, t: torch.stack([torch.stack([h[i, i - int(t.max())] for i in range(int(t.max()) + 1, len(t))]).mean() for h in w])),
    (("score_of_same_sign", "places_without_copy_counted"), lambda w, t: (w * same_of(t)).sum(-1).mean(-1)),
    ("wrong_shape", lambda w, t: (w * after_of(t)).sum(-1)),
    ("raises", lambda w, t: (w[:, :, 1:] * same_of(t)).sum(-1).mean(-1)),
):  # fmt: skip
    wrong("induction_score", said)(answer)

# --- 11.4 ---


@right("silenced")
def merged_zero(scores, values, out_proj, head):
    heads = scores.softmax(-1) @ values
    heads[head] = 0
    return heads.transpose(0, 1).flatten(1) @ out_proj.T


@right("silenced")
def columns_zero(scores, values, out_proj, head):
    d = values.shape[-1]
    out_proj = out_proj.clone()
    out_proj[:, head * d : (head + 1) * d] = 0
    merged = (torch.softmax(scores, -1) @ values).permute(1, 0, 2).reshape(scores.shape[1], -1)
    return F.linear(merged, out_proj)


@right("silenced")
def added_head_by_head(scores, values, out_proj, head):
    d = values.shape[-1]
    out = torch.zeros(scores.shape[1], len(out_proj))
    for h in range(len(scores)):
        if h != head:
            out = out + scores[h].softmax(-1) @ values[h] @ out_proj[:, h * d : (h + 1) * d].T
    return out


@right("silenced")
def weights_zero(scores, values, out_proj, head):
    weights = scores.softmax(dim=-1)
    weights[head] = 0.0  # after the softmax: nothing is handed on
    return torch.cat(list(weights @ values), dim=-1) @ out_proj.T


@right("silenced")
def values_zero(scores, values, out_proj, head):
    values = values.clone()
    values[head] = 0
    return torch.cat((scores.softmax(-1) @ values).unbind(0), -1) @ out_proj.mT


@right("silenced")
def with_einsum(scores, values, out_proj, head):
    on = torch.ones(len(scores))
    on[head] = 0
    blocks = out_proj.unflatten(1, (len(scores), -1))
    return torch.einsum("h,hij,hjd,ohd->io", on, scores.softmax(-1), values, blocks)


@right("silenced")
def whole_less_part(scores, values, out_proj, head):
    d = values.shape[-1]
    heads = scores.softmax(-1) @ values
    whole = torch.hstack(tuple(heads)) @ out_proj.T
    return whole - heads[head] @ out_proj[:, head * d : head * d + d].T


def merged(heads):
    return heads.transpose(0, 1).flatten(1)


def zeroed(x, where):
    x = x.clone()
    x[where] = 0
    return x


for said, answer in (
    ("head_not_silenced", lambda s, v, o, h: merged(s.softmax(-1) @ v) @ o.T),
    ("head_scores_zeroed", lambda s, v, o, h: merged(zeroed(s, h).softmax(-1) @ v) @ o.T),
    ("head_scores_zeroed", lambda s, v, o, h: F.linear(merged(F.softmax(s * (torch.arange(len(s)) != h)[:, None, None], -1) @ v), o)),
    ("scores_for_weights", lambda s, v, o, h: merged(zeroed(s, h) @ v) @ o.T),
    ("scores_for_weights", lambda s, v, o, h: merged(zeroed(s @ v, h)) @ o.T),
    ("scores_scaled_again", lambda s, v, o, h: merged(zeroed((s / v.shape[-1] ** 0.5).softmax(-1) @ v, h)) @ o.T),
    ("scores_scaled_again", lambda s, v, o, h: F.linear(merged(zeroed(F.softmax(s * v.size(2) ** -0.5, -1), h) @ v), o)),
    ("mask_not_asked", lambda s, v, o, h: merged(zeroed(s.masked_fill(torch.ones_like(s[0]).triu(1).bool(), -torch.inf).softmax(-1) @ v, h)) @ o.T),
    ("mask_not_asked", lambda s, v, o, h: merged(zeroed((s + torch.full_like(s[0], -1e9).triu(1)).softmax(-1) @ v, h)) @ o.T),
    (("scores_scaled_again", "mask_not_asked"), lambda s, v, o, h: merged(zeroed((s / v.shape[-1] ** 0.5).masked_fill(torch.ones_like(s[0]).tril() == 0, -torch.inf).softmax(-1) @ v, h)) @ o.T),
    ("other_heads_silenced", lambda s, v, o, h: (s[h].softmax(-1) @ v[h]) @ o[:, h * v.shape[2] : (h + 1) * v.shape[2]].T),
    ("rows_of_out_proj_zeroed", lambda s, v, o, h: merged(s.softmax(-1) @ v) @ zeroed(o, slice(h * v.shape[2], (h + 1) * v.shape[2])).T),
    ("rows_of_out_proj_zeroed", lambda s, v, o, h: zeroed(merged(s.softmax(-1) @ v) @ o.T, (slice(None), slice(h * v.shape[2], (h + 1) * v.shape[2])))),
    ("head_features_dealt_out", lambda s, v, o, h: zeroed(merged(s.softmax(-1) @ v), (slice(None), slice(h, None, len(v)))) @ o.T),
    ("others_enlarged", lambda s, v, o, h: merged(zeroed(s.softmax(-1) @ v, h)) @ o.T * len(v) / (len(v) - 1)),
    ("mean_in_its_place", lambda s, v, o, h: merged(torch.stack([x.mean(0).expand_as(x) if i == h else x for i, x in enumerate(s.softmax(-1) @ v)])) @ o.T),
    ("heads_counted_from_one", lambda s, v, o, h: merged(zeroed(s.softmax(-1) @ v, h - 1)) @ o.T),
    ("out_proj_transposed", lambda s, v, o, h: merged(zeroed(s.softmax(-1) @ v, h)) @ o),
    ("merge_without_transpose", lambda s, v, o, h: zeroed(s.softmax(-1) @ v, h).reshape(s.shape[1], -1) @ o.T),
    ("out_proj_forgotten", lambda s, v, o, h: merged(zeroed(s.softmax(-1) @ v, h))),
    ("softmax_over_queries", lambda s, v, o, h: merged(zeroed(s.softmax(1) @ v, h)) @ o.T),
    ("input_mutated", lambda s, v, o, h: merged(s.softmax(-1) @ v.index_fill_(0, torch.tensor(h), 0)) @ o.T),
    ("nan", lambda s, v, o, h: merged(s.index_fill(0, torch.tensor(h), -torch.inf).softmax(-1) @ v) @ o.T),
    ("wrong_shape", lambda s, v, o, h: zeroed(s.softmax(-1) @ v, h)),
):  # fmt: skip
    wrong("silenced", said)(answer)

# --- 11.5 ---


@right("share_of_controls")
def mean_of_booleans(whole, chosen, controls):
    return (controls >= chosen).float().mean().item()


@right("share_of_controls")
def counted(whole, chosen, controls):
    return sum(1 for control in controls if control >= chosen) / len(controls)


@right("share_of_controls")
def harm_compared(whole, chosen, controls):
    return ((controls - whole) >= chosen - whole).double().mean()


@right("share_of_controls")
def one_less_the_milder(whole, chosen, controls):
    return 1 - (controls < chosen).sum().item() / controls.numel()


@right("share_of_controls")
def with_numpy_mean(whole, chosen, controls):
    return float(np.mean(controls.numpy() >= chosen))


@right("share_of_controls")
def as_tensor(whole, chosen, controls):
    return torch.where(controls >= chosen, 1.0, 0.0).mean()


for said, answer in (
    ("control_ignored", lambda whole, chosen, controls: chosen - whole),
    ("harm_over_mean_control", lambda whole, chosen, controls: chosen - controls.mean()),
    ("harm_over_mean_control", lambda whole, chosen, controls: (chosen - whole) / (controls.mean() - whole)),
    ("milder_controls_counted", lambda whole, chosen, controls: (controls < chosen).float().mean()),
    ("milder_controls_counted", lambda whole, chosen, controls: (chosen >= controls).float().mean().item()),
    ("equal_controls_left_out", lambda whole, chosen, controls: (controls > chosen).float().mean()),
    ("compared_with_whole", lambda whole, chosen, controls: (controls > whole).float().mean()),
    ("compared_with_whole", lambda whole, chosen, controls: (controls >= whole).float().mean()),
    ("number_not_share", lambda whole, chosen, controls: int((controls >= chosen).sum())),
    ("wrong_type", lambda whole, chosen, controls: controls >= chosen),
    ("no_return", lambda whole, chosen, controls: print((controls >= chosen).float().mean())),
):  # fmt: skip
    wrong("share_of_controls", said)(answer)

# --- 11.6 ---


@right("catches_missing_control")
def one_case(verdict):
    assert not verdict(1.0, 3.0, [2.0, 3.5])


@right("catches_missing_control")
def both_ways(verdict):
    assert verdict(1.0, 9.0, [1.5, 2.0, 1.2]) and not verdict(1.0, 9.0, [9.5, 10.0, 11.0])


@right("catches_missing_control")
def returns_truth(verdict):
    return not verdict(0.1, 3.6, [3.7, 0.2])


@right("catches_missing_control")
def controls_change_it(verdict):
    mild, harsh = [1.1, 1.2], [8.0, 7.0]
    assert verdict(1.0, 5.0, mild) != verdict(1.0, 5.0, harsh)


@right("catches_missing_control")
def many(verdict):
    for control in (4.0, 6.0, 100.0):
        assert bool(verdict(2.0, 3.0, [control] * 3)) is False


@right("catches_missing_control")
def random_draws(verdict):
    torch.manual_seed(0)
    for _ in range(20):
        chosen, *controls = (1 + torch.rand(4)).tolist()
        assert verdict(1.0, chosen, controls) == (chosen > max(controls))


@right("catches_missing_control")
def harmless_choice_as_well(verdict):
    assert not verdict(3.0, 1.0, [2.0]) and not verdict(3.0, 4.0, [5.0])


@wrong("catches_missing_control", "choice_harmless")
def choice_helps(verdict):
    assert not verdict(3.0, 1.0, [2.0])


@wrong("catches_missing_control", "choice_harmless")
def choice_changes_nothing(verdict):
    for controls in ([2.5, 4.0], [2.0]):
        assert not verdict(2.0, 2.0, controls)


@wrong("catches_missing_control", "controls_always_harmless")
def harmless(verdict):
    assert verdict(1.0, 3.0, [1.2, 1.5])


@wrong("catches_missing_control", "controls_always_harmless")
def harmless_twice(verdict):
    assert verdict(2.0, 10.0, [3.0, 2.5]) and not verdict(2.0, 2.0, [2.5, 3.0])


@wrong("catches_missing_control", "test_misses_bug")
def any_answer(verdict):
    assert verdict(1.0, 3.0, [2.0, 4.0]) is not None


@wrong("catches_missing_control", "test_misses_bug")
def type_only(verdict):
    assert isinstance(verdict(1.0, 3.0, [4.0]), bool)


@wrong("catches_missing_control", "test_reversed")
def reversed_verdict(verdict):
    assert verdict(1.0, 3.0, [2.0, 3.5])


@wrong("catches_missing_control", "test_rejects_right")
def always_false(verdict):
    assert not verdict(1.0, 3.0, [1.5, 1.2])


@wrong("catches_missing_control", "test_rejects_right")
def never(verdict):
    raise AssertionError


@wrong("catches_missing_control", "test_raises")
def number_for_list(verdict):
    assert not verdict(1.0, 3.0)


# --- 11.7 ---

RIGHT["averages"] = [
    [1 / 6, 1 / 6, 25 / 48, 1 / 16],
    [0.17, 0.17, 0.52, 0.06],
    (0.167, 0.167, 0.521, 0.0625),
    [1 / 6, 6 / 36, (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4, 1 / 4 / 4],
    np.array([1 / 6, 1 / 6, 0.5208, 0.0625]),
    (torch.ones(4, 4).tril() / torch.arange(1, 5)[:, None]).mean(0)[[0, 0, 0, 3]].tolist()[2:],
]
RIGHT["averages"][-1] = [1 / 6, 1 / 6, *RIGHT["averages"][-1]]
WRONG["averages"] = [
    ("sum_of_row", [1, 1, 0.52, 0.06]),
    ("sum_of_row", [1, 1 / 6, 0.52, 0.06]),
    ("sum_of_row", [1, 6, 0.52, 0.06]),
    ("divided_twice", [1 / 6, 1 / 36, 0.52, 0.06]),
    ("causal_row_forgotten", [1 / 6, 1 / 6, 0.25, 0.25]),
    ("columns_summed", [1 / 6, 1 / 6, 25 / 12, 0.25]),
    ("queries_that_see_it", [1 / 6, 1 / 6, 25 / 48, 0.25]),
    ("queries_that_see_it", [0.17, 0.17, 1, 0.25]),
    (None, [0.5, 0.5, 0.5, 0.5]),
    ("wrong_shape", [1 / 6, 1 / 6]),
]
