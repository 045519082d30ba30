"""Density and coverage by their definitions, in double precision: the reference for gand's.

usage: coverage.py SAMPLES.npy POINTS.npy K          prints JSON
"""

import json
import sys

import numpy as np


def distances(a, b):
    return np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2))


def main():
    samples, points = (np.load(path).astype(np.float64) for path in sys.argv[1:3])
    k = int(sys.argv[3])
    radii = np.sort(distances(points, points), axis=1)[:, k]  # column 0 is the point itself
    inside = distances(points, samples) < radii[:, None]
    print(json.dumps({"density": inside.sum() / (k * len(samples)), "coverage": inside.any(axis=1).mean()}))


if __name__ == "__main__":
    main()
