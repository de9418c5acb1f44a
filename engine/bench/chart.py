"""Line charts as SVG, written by hand: they look the same in a report, on the site and on GitHub, without a library."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 860, 260
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 44, 36
# Each curve has its own dashes too, for readers who see no colours. Okabe and Ito's palette.
STROKES = (("#0072b2", ""), ("#d55e00", "7 4"), ("#009e73", "2 3"), ("#cc79a7", "10 3 2 3"), ("#000000", "1 5"))
TICKS = 5

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """One curve, its points in the order of x."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over one axis. `limit` is drawn as a line of its own; `is_log` makes the x axis logarithmic.

    The y axis goes from 0 to at least `least_most`; `x_step` is the distance between marks on the x axis.
    """

    title: str
    lines: Sequence[Line]
    unit: str
    x_name: str
    limit: float | None = None
    least_most: float = 1.0
    is_log: bool = False
    x_step: float | None = None
    x_text: Callable[[float], str] = "{:g}".format

    def svg(self) -> str:
        """Write the chart as one SVG element."""
        scale = _Scale.of(self)
        size = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(self.title)}">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            _text(LEFT, 16, self.title, weight="bold"),
            *self._axes(scale),
            *self._curves(scale),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _axes(self, scale: "_Scale") -> list[str]:
        parts = []
        for value in scale.y_ticks():
            y = scale.y(value)
            parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#d0d0d0"/>')
            parts.append(_text(LEFT - 6, y + 4, f"{value:,.10g}", anchor="end"))
        parts += [
            _text(scale.x(value), HEIGHT - BOTTOM + 16, self.x_text(value), anchor="middle")
            for value in scale.x_ticks()
        ]
        parts.append(_text(WIDTH - RIGHT, HEIGHT - 4, self.x_name, anchor="end"))
        parts.append(_text(LEFT - 6, TOP - 8, self.unit, anchor="end"))
        if self.limit is not None:
            y = scale.y(self.limit)
            parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#b00020"/>')
            parts.append(_text(WIDTH - RIGHT, y - 4, f"at most {self.limit:g}", anchor="end", fill="#b00020"))
        return parts

    def _curves(self, scale: "_Scale") -> list[str]:
        parts, legend_x = [], float(LEFT)
        for line, (colour, dashes) in zip(self.lines, STROKES * 3, strict=False):
            stroke = f'fill="none" stroke="{colour}" stroke-width="1.8" stroke-dasharray="{dashes}"'
            points = " ".join(f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in line.points)
            parts.append(f'<polyline points="{points}" {stroke}/>')
            if len(line.points) <= TICKS * 2:
                parts += [
                    f'<circle cx="{scale.x(x):.1f}" cy="{scale.y(y):.1f}" r="3" fill="{colour}"/>'
                    for x, y in line.points
                ]
            parts.append(f'<line x1="{legend_x:.0f}" y1="32" x2="{legend_x + 26:.0f}" y2="32" {stroke}/>')
            parts.append(_text(legend_x + 32, 36, line.name))
            legend_x += 50 + 7 * len(line.name)
        return parts


@dataclass(frozen=True, slots=True)
class _Scale:
    least_x: float
    most_x: float
    most_y: float
    step_y: float
    is_log: bool
    step_x: float | None

    @classmethod
    def of(cls, chart: Chart) -> "_Scale":
        xs = [x for line in chart.lines for x, _ in line.points] or [0.0, 1.0]
        ys = [y for line in chart.lines for _, y in line.points] or [1.0]
        highest = max([*ys, chart.limit or 0.0, chart.least_most])
        step = _nice(highest / TICKS)
        return cls(min(xs), max(xs), math.ceil(highest / step) * step, step, chart.is_log, chart.x_step)

    def x(self, value: float) -> float:
        low, high, at = (math.log10(one) if self.is_log else one for one in (self.least_x, self.most_x, value))
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - low) / ((high - low) or 1.0)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.most_y

    def y_ticks(self) -> list[float]:
        return [place * self.step_y for place in range(round(self.most_y / self.step_y) + 1)]

    def x_ticks(self) -> list[float]:
        if self.is_log:
            low, high = math.floor(math.log10(self.least_x)), math.ceil(math.log10(self.most_x))
            ticks = [factor * 10.0**power for power in range(low, high + 1) for factor in (1, 3)]
        else:
            step = self.step_x or _nice((self.most_x - self.least_x or 1.0) / 8)
            ticks = [place * step for place in range(math.ceil(self.least_x / step), int(self.most_x / step) + 1)]
        return [tick for tick in ticks if self.least_x <= tick <= self.most_x]


def _nice(step: float) -> float:
    """Give the next step of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", fill: str = "#222222"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="{fill}">'
        f"{escape(text)}</text>"
    )
