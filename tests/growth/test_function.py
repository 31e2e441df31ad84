"""Adding a function to the maths touches the files that CONTRIBUTING.md lists, and no others."""

import pytest

from tests.growth.house import House, assert_passed, assert_touched

FUNCTION = '''
def stride_mask(
    q_len: int, k_len: int | None = None, *, stride: int, device: torch.device | str | None = None
) -> Bool[Tensor, "{q_len} keys"]:
    """Look up at every step: a query sees the keys whole strides away.

        mask[i, j] = (i + k_len - q_len - j) mod stride == 0

    Args:
        q_len: Number of queries.
        k_len: Number of keys; as many as queries unless given.
        stride: From one key that is seen to the next; at least 1.
        device: Where the mask is made.

    Returns:
        Mask of shape (q_len, k_len).

    Raises:
        ValueError: If a length is negative or `stride` is smaller than 1.

    Source: Child et al. 2019, "Generating Long Sequences with Sparse Transformers", section 4.3.

    >>> stride_mask(1, 5, stride=2).int()
    tensor([[1, 0, 1, 0, 1]], dtype=torch.int32)
    """
    if stride < 1:
        raise ValueError(f"stride must be at least 1, got {stride}")
    q_position, k_position = aligned_positions(q_len, k_len, device)
    return (q_position - k_position) % stride == 0


'''
TESTS = """

@given(q_len=lengths, k_len=lengths, stride=st.integers(1, 5))
def test_stride_mask_is_about_distance(q_len: int, k_len: int, stride: int) -> None:
    mask = attnlib.stride_mask(q_len, k_len, stride=stride)
    for i in range(q_len):
        for j in range(k_len):
            assert mask[i, j] == ((i + k_len - q_len - j) % stride == 0)


def test_stride_mask_says_what_is_wrong(as_users_call: None) -> None:
    with pytest.raises(ValueError, match="stride must be at least 1, got 0"):
        attnlib.stride_mask(3, stride=0)
"""
IMPORT = "from attnlib.masks import causal_mask, padding_mask, sliding_window_mask"
SIGNATURE = "stride_mask(q_len, k_len=None, *, stride, device=None)\n"
ROOM = "tests/maths/test_masks.py"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("function"))
    house.insert("attnlib/masks.py", FUNCTION.lstrip("\n"), before="def padding_mask(")
    exported = house.root / "attnlib/__init__.py"
    text = exported.read_text(encoding="utf-8")
    text = text.replace(IMPORT, f"{IMPORT}, stride_mask")
    house.write("attnlib/__init__.py", text.replace("]\n", '    "stride_mask",\n]\n'))
    house.insert(ROOM, SIGNATURE, before='"""\n')
    house.insert(ROOM, "import attnlib\n", before="from attnlib import ")
    house.append(ROOM, TESTS)
    for edition in house.editions:
        page = edition.pages_folder.relative_to(house.root) / "api.md"
        house.insert(page, ".. autofunction:: stride_mask\n", ".. autofunction:: padding_mask\n")
    return house


def test_it_touches_the_files_that_are_listed(house):
    assert_touched(house, "function", "A function of the maths", {"masks": "room"})


def test_what_holds_for_every_function_finds_it_and_passes(house):
    done = house.pytest(
        "tests/maths/test_docstrings.py", ROOM, "tests/pages/test_api.py", "tests/house",
        "-k", "stride_mask or every or exported",
    )  # fmt: skip
    assert_passed(done, ("test_docstrings.py", 4), ("test_stride", 2), ("public_name", 1))


def test_without_its_signature_and_its_place_on_the_page_tests_fail(house):
    names = ROOM, "book/en/api.md"
    texts = {name: (house.root / name).read_bytes() for name in names}
    for name in names:
        house.restore(name)
    try:
        done = house.pytest(
            "tests/maths/test_docstrings.py", "tests/pages/test_api.py", "-k", "every"
        )
    finally:
        for name, text in texts.items():
            (house.root / name).write_bytes(text)
    assert done.stdout.count("\nFAILED ") == 2, done.stdout
