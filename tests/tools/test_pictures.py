"""Pictures of what was measured may differ between machines, and not in anything else."""

import base64
import io

import pytest
from PIL import Image, ImageDraw

from tools.proof.pictures import MOVED, image_difference

RED, BLUE, GREY = (181, 20, 70), (11, 98, 168), (211, 217, 224)


def picture(curves, *, size=(640, 400), grid=GREY):
    """Draw a grid and lines that rise to the right, from a height on the left."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for x in range(80, size[0], 140):
        draw.line((x, 0, x, size[1]), fill=grid, width=2)
    for color, height in curves.items():
        draw.line((40, size[1] - height, size[0] - 40, 200 - height), fill=color, width=4)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


STORED = picture({RED: 100, BLUE: 20})


@pytest.mark.parametrize(
    "computed",
    [
        STORED,
        picture({RED: 105, BLUE: 15}),
        picture({RED: 100 - MOVED // 2, BLUE: 20 + MOVED // 2}),
    ],
    ids=["the same", "a little", "half of what is allowed"],
)
def test_measured_marks_may_move_a_little(computed):
    assert image_difference(STORED, computed, measured=True) is None


@pytest.mark.parametrize(
    "computed",
    [
        picture({RED: 100 + 2 * MOVED, BLUE: 20}),
        picture({RED: 100}),
        picture({RED: 100, BLUE: 20, (0, 115, 90): 60}),
        picture({RED: 20, BLUE: 20 + 3 * MOVED}),
        picture({RED: 100, BLUE: 20}, grid="black"),
        picture({RED: 100, BLUE: 20}, size=(640, 420)),
    ],
    ids=["far away", "one is missing", "one too many", "exchanged", "another grid", "another size"],
)
def test_measured_marks_are_the_same_ones_and_stay_near(computed):
    assert image_difference(STORED, computed, measured=True)
    assert image_difference(computed, STORED, measured=True)


def test_a_mark_may_lie_behind_another_one():
    crossing = picture({BLUE: 30, RED: 20})
    hidden = picture({BLUE: 20, RED: 20})
    assert image_difference(crossing, hidden, measured=True) is None
    assert image_difference(hidden, crossing, measured=True) is None


def test_seams_where_colours_mix_are_no_marks():
    def seam(mixed):
        image = Image.open(io.BytesIO(base64.b64decode(STORED)))
        draw = ImageDraw.Draw(image)
        for y in (300, 310, 320):
            draw.line((0, y, 640, y), fill=mixed, width=1)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return base64.b64encode(buffer.getvalue()).decode()

    assert image_difference(seam((150, 150, 200)), seam((130, 190, 150)), measured=True) is None


def test_what_was_not_measured_is_compared_dot_by_dot():
    assert image_difference(STORED, picture({RED: 105, BLUE: 15}))
    assert image_difference(STORED, STORED) is None
