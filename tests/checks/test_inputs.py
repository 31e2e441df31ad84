"""Inputs: from small to large, the same every time, shrunk to what matters."""

import torch

from attnlib.checks.engine.inputs import Draw, grid, simplest


def test_grid_begins_with_the_smallest():
    sizes = [
        tuple(x.shape) for (x,) in grid(lambda draw, n, m: (draw.normal(n, m),), n=(3, 1), m=(2, 1))
    ]
    assert sizes == [(1, 1), (1, 1), (1, 2), (1, 2), (3, 1), (3, 1), (3, 2)]


def test_draw_repeats_itself_and_leaves_the_global_seed_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    assert Draw(5).normal(2, 3).equal(Draw(5).normal(2, 3))
    assert not Draw(5).integers(9, 9).equal(Draw(6).integers(9, 9))
    assert torch.rand(1).equal(expected)


def test_rows_of_a_mask_hold_both():
    for seed in range(20):
        mask = Draw(seed).mask(2, 3, 5)
        assert mask.any(dim=-1).all()
        assert not mask.all(dim=-1).any()
    assert Draw(0).mask(2, 1, 1).all()


def test_simplest_keeps_only_what_makes_it_fail():
    x, mask = Draw(1).integers(3, 3) * 2, torch.zeros(2, 2, dtype=torch.bool)

    def fails(arguments):
        return bool(arguments[0][1, 2] != 0) and not bool(arguments[1][0, 0])

    x[1, 2] = 4.0
    small, shrunk = simplest((x, mask, 7), fails)[:2]
    expected = torch.zeros(3, 3)
    expected[1, 2] = 1.0
    assert small.equal(expected)
    assert shrunk.tolist() == [[False, True], [True, True]]


def test_simplest_gives_up_in_time():
    tried = []
    simplest((torch.full((9, 9), 2.0),), lambda each: tried.append(each) or False, tries=10)
    assert len(tried) == 10
