"""Draws figures as bars: one SVG, readable without colours, with nothing fetched from elsewhere."""

from pathlib import Path

import pygal
from pygal.style import CleanStyle


def draw(figures: dict[str, dict[str, float]], path: Path) -> None:
    """One group of bars after the other, each bar named `group: name`."""
    chart = pygal.HorizontalBar(
        style=CleanStyle,
        show_legend=False,
        print_values=True,
        value_formatter=lambda value: f"{value:.1f} µs",
        title="Redis' CPU for a job",
        js=(),
        height=640,
    )
    bars = [(f"{group}: {name}", value) for group, rows in figures.items() for name, value in rows.items()]
    bars.reverse()  # the chart begins below
    chart.x_labels = [name for name, _ in bars]
    chart.add("", [value for _, value in bars])
    chart.render_to_file(str(path))
