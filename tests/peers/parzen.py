"""Parzen-window log-likelihoods in double precision, the plain way: the reference for gand's.

usage: parzen.py SAMPLES.npy POINTS.npy OUT BANDWIDTH...

Writes one row of float64 (little-endian) for each bandwidth, one number for each point, in nats.
"""

import sys

import numpy as np


def log_likelihoods(samples, points, bandwidth):
    dim = samples.shape[1]
    out = np.empty(len(points))
    for i, point in enumerate(points):
        exponents = -((point - samples) ** 2).sum(axis=1) / (2 * bandwidth**2)
        top = exponents.max()
        out[i] = top + np.log(np.exp(exponents - top).mean())
    return out - dim * np.log(bandwidth * np.sqrt(2 * np.pi))


def main():
    samples, points = (np.load(path).astype(np.float64) for path in sys.argv[1:3])
    rows = [log_likelihoods(samples, points, float(word)) for word in sys.argv[4:]]
    np.array(rows, dtype="<f8").tofile(sys.argv[3])


if __name__ == "__main__":
    main()
