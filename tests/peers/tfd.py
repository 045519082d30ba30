"""Writes a MATLAB file with the fields of the Toronto Face Database, few faces and known pixels.

usage: tfd.py FILE COMPRESSED(0|1)

Face i has the pixel (i + 3 * row + 5 * column) mod 251; in partition 0 faces go round unlabelled, train, validation, test.
"""

import sys

import numpy as np
import scipy.io

FACES = 40


def main():
    face, row, column = np.meshgrid(np.arange(FACES), np.arange(48), np.arange(48), indexing="ij")
    images = ((face + 3 * row + 5 * column) % 251).astype(np.uint8)
    folds = (np.arange(FACES)[:, None] + np.arange(5)[None, :]) % 4
    scipy.io.savemat(
        sys.argv[1],
        {
            "folds": folds.astype(np.float64),
            "images": images,
            "labs_ex": np.full((FACES, 1), -1, dtype=np.int16),
            "labs_id": np.full((FACES, 1), -1, dtype=np.int32),
        },
        do_compression=sys.argv[2] == "1",
    )


if __name__ == "__main__":
    main()
