"""Draw the picture that previews of a link to the book show (a maintainer's step).

python -m tools.social_picture      # writes book/_static/social.png, which is committed
"""

from pathlib import Path

import torch

from attnlib import attention_weights
from attnlib.plotting import FONT, INK, QUERY, QUIET, plot_attention, subplots

TARGET = Path(__file__).resolve().parent.parent / "book" / "_static" / "social.png"


def main() -> None:
    query = torch.tensor([[2.0, -1.0], [1.0, 1.0], [0.0, 1.0]])  # those of chapter 1
    key = torch.tensor([[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]])
    figure, ax = subplots(width=6.0, height=3.15, layout=None)
    ax.set_position((0.60, 0.10, 0.36, 0.70))
    plot_attention(attention_weights(query, key, scale=1.0), query_labels="早上好", ax=ax)
    for y, size, color, text in (
        (0.60, 40, QUERY, "早上好"),
        (0.40, 19, INK, "Good Morning,\nAttention"),
        (0.17, 9.5, QUIET, "An interactive textbook on attention"),
    ):
        figure.text(0.07, y, text, fontsize=size, color=color, fontfamily=FONT, va="center")
    png, _ = figure.png()
    TARGET.write_bytes(png)
    print(f"▸ {TARGET.name}: {len(png) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
