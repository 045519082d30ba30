#!/usr/bin/env python3
"""The curves of docs/results.md: score and coverage over the steps of runs that run.py trained. Wants matplotlib.

    benches/results/curves.py OUT FILE.svg NAME ...

Runs that differ in their seed alone (NAME-1, NAME-2, ...) share a colour.
"""
import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

PAPER, TRAINING_IMAGES = 225.0, 241.2
COLOURS = ["#3b4fd6", "#c4570a", "#2a7d4f", "#555d6b"]


def curve(out, name):
    """Steps, scores and coverage of the evaluations after training began."""
    evaluations = json.loads((out / name / "evaluations.json").read_text())
    taken = [one for one in evaluations if one["step"] > 0]
    coverage = [(one.get("quality") or {}).get("coverage", {}).get("coverage") for one in taken]
    return [one["step"] for one in taken], [one["log_likelihood"] for one in taken], coverage


def draw(out, names):
    pyplot.rcParams.update({"font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "gand", "axes.spines.top": False,
                            "axes.spines.right": False, "axes.grid": True, "grid.color": "#e3e6ea"})
    figure, (scores, covered) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    groups = []
    for name in names:
        group = name.rstrip("0123456789").rstrip("-") or name
        label = None if group in groups else group
        groups += [label] if label else []
        style = {"color": COLOURS[groups.index(group) % len(COLOURS)], "linewidth": 1.2, "marker": ".", "markersize": 4}
        steps, likelihood, coverage = curve(out, name)
        scores.plot(steps, likelihood, label=label, **style)
        covered.plot(steps, coverage, **style)
    for value, words in [(PAPER, "the paper, 225"), (TRAINING_IMAGES, "training images, 241.2")]:
        scores.axhline(value, color="#6b7280", linewidth=0.8, linestyle="--")
        scores.text(0.99, value, words, transform=scores.get_yaxis_transform(), ha="right", va="bottom", color="#6b7280", fontsize=8)
    for axes, title in [(scores, "Log-likelihood, nats"), (covered, "Coverage")]:
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axes.set_xscale("log")
        axes.set_xticks([5_000, 10_000, 20_000, 50_000, 100_000, 200_000], ["5k", "10k", "20k", "50k", "100k", "200k"])
        axes.minorticks_off()
        axes.set_xlabel("step")
    scores.legend(frameon=False, loc="lower right")
    return figure


if __name__ == "__main__":
    out, file, *names = sys.argv[1:]
    draw(pathlib.Path(out), names).savefig(file, metadata={"Date": None})
