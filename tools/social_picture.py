"""Draw the picture that previews of a link to the book show (a maintainer's step).

    python -m tools.social_picture      # writes book/<language>/social.png, which is committed

One for each edition, with its title.
"""

import torch

from attnlib import attention_weights
from attnlib.plotting import FONT, INK, QUERY, QUIET, plot_attention, subplots
from tools.editions import Edition, editions


def draw(edition: Edition) -> bytes:
    """Return the picture of an edition, a PNG."""
    query = torch.tensor([[2.0, -1.0], [1.0, 1.0], [0.0, 1.0]])  # those of chapter 1
    key = torch.tensor([[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]])
    figure, ax = subplots(width=6.0, height=3.15, layout=None)
    ax.set_position((0.60, 0.10, 0.36, 0.70))
    plot_attention(attention_weights(query, key, scale=1.0), query_labels="早上好", ax=ax)
    for y, size, color, text in (
        (0.60, 40, QUERY, "早上好"),
        (0.40, 19, INK, edition.title.replace(", ", ",\n")),
        (0.17, 9.5, QUIET, edition.site["tagline"]),
    ):
        figure.text(0.07, y, text, fontsize=size, color=color, fontfamily=FONT, va="center")
    png: bytes = figure.png()[0]
    return png


def main() -> None:
    """Draw those of all editions."""
    for edition in editions():
        target = edition.pages_folder / "social.png"
        target.write_bytes(draw(edition))
        print(f"▸ {target.relative_to(edition.root)}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
