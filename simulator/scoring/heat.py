"""A sweep as two heat maps: what it would cost people in alerts, and what it would miss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.scoring import figures
from simulator.scoring.sweep import Sweep


def maps(made: Sweep) -> Any:
    """Both maps, one above the other."""
    width = 1.8 + 0.55 * max(len(made.limits), 6)
    drawn, axes = figures.figure(width, 1.4 + 0.6 * max(len(made.delays), 4), 2, gridspec_kw={"hspace": 0.45})
    label = f"{made.signal} {made.side}"
    alerts = [[cell.alerts_per_person_day for cell in made.row(delay)] for delay in made.delays]
    missed = [[cell.missed_seconds for cell in made.row(delay)] for delay in made.delays]
    figures.draw_heat_map(axes[0], alerts, made.limits, made.delays, title="alerts a person-day", across_label="")
    figures.draw_heat_map(
        axes[1], missed, made.limits, made.delays, title="seconds beyond the limit in no alert", across_label=label
    )
    return drawn


def draw(made: Sweep, path: Path) -> None:
    """Write the maps as PNG or SVG. Errors: `OSError`."""
    figures.save(maps(made), path)
