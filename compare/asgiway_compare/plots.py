"""Plots as SVG inside of the page: bars of ratios with their spread, and the rounds one by one."""

from __future__ import annotations

from html import escape

from asgiway_compare.figures import Measure, Ratio

WIDTH = 360  # of the drawing; the page scales it to the reader's screen
ROW = 40
BAR = 12
SIDE = 8
COLOURS = 8  # classes s0 to s7 of the page's style


def amount(value: float, unit: str) -> str:
    """Write a value with three figures and its unit."""
    if value >= 100:
        return f"{value:.0f} {unit}".replace(" /s", "/s")
    return f"{value:.{2 if value < 10 else 1}f} {unit}".replace(" /s", "/s")


def label(measure: Measure, server: str) -> str:
    """Return a server's ratio with its spread, and the median behind it."""
    value = amount(measure.middle(server), measure.unit)
    ratio = measure.ratio(server)
    if server == measure.reference:
        return f"1, which is {value}" if len(measure.values) > 1 else value
    return f"{ratio}, {value}" if ratio else value


def bars(measure: Measure, colours: dict[str, int]) -> str:
    """Draw a bar for each server: its ratio to the first, with a line from the least to the greatest of its rounds."""
    one = Ratio(1.0, 1.0, 1.0)
    ratios = {server: measure.ratio(server) or one for server in measure.values}
    scale = (WIDTH - 2 * SIDE) / max(1.0, *(ratio.high for ratio in ratios.values()))
    parts = []
    for row, (server, ratio) in enumerate(ratios.items()):
        top = row * ROW
        middle = top + 18 + BAR / 2
        low, high = (SIDE + value * scale for value in (ratio.low, ratio.high))
        parts.append(
            f'<text x="{SIDE}" y="{top + 13}"><tspan class="who">{escape(server)}</tspan>'
            f" {escape(label(measure, server))}</text>"
            f'<rect class="bar s{colours[server] % COLOURS}" x="{SIDE}" y="{top + 18}" height="{BAR}" rx="2"'
            f' width="{max(1.0, ratio.median * scale):.1f}"/>'
        )
        if server != measure.reference:
            parts.append(
                f'<path class="spread" d="M{low:.1f} {middle}H{high:.1f}'
                f'M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8"/>'
            )
    height = len(ratios) * ROW
    first = f'<path class="first" d="M{SIDE + scale:.1f} 16V{height - 6}"/>' if len(ratios) > 1 else ""
    return _svg(f"{measure.title}, as ratios to {measure.reference}", height, first + "".join(parts))


def rounds(measure: Measure, colours: dict[str, int]) -> str:
    """Draw each server's rounds as a line of points."""
    height, left, bottom = 180, 40, 156
    numbers = sorted({number for values in measure.values.values() for number in values})
    top = max(value for values in measure.values.values() for value in values.values()) * 1.1 or 1.0
    aside = 24  # half of what stands below a point
    step = (WIDTH - left - 2 * aside) / max(1, len(numbers) - 1)
    x = {number: left + aside + place * step for place, number in enumerate(numbers)}
    parts = [f'<path class="axis" d="M{left} 8V{bottom}H{WIDTH - SIDE / 2}"/>']
    parts += [
        f'<text class="small" x="{left - 4}" y="{bottom - share * (bottom - 12) + 4:.0f}" text-anchor="end">'
        f"{top * share:.2g}</text>"
        for share in (0.0, 0.5, 1.0)
    ]
    parts += [
        f'<text class="small" x="{x[number]:.1f}" y="{bottom + 16}" text-anchor="middle">round {number}</text>'
        for number in numbers
    ]
    for server, values in measure.values.items():
        points = [(x[number], bottom - value / top * (bottom - 12)) for number, value in sorted(values.items())]
        colour = colours[server] % COLOURS
        path = "L".join(f"{across:.1f} {down:.1f}" for across, down in points)
        parts.append(f'<path class="line l{colour}" d="M{path}"><title>{escape(server)}</title></path>')
        parts += [f'<circle class="s{colour}" cx="{across:.1f}" cy="{down:.1f}" r="3.5"/>' for across, down in points]
    return _svg(f"{measure.title} in {measure.unit}, round by round", height, "".join(parts))


def _svg(title: str, height: float, inside: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
        f"{inside}</svg>"
    )
