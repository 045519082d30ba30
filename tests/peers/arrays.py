"""Reads what gand wrote and writes what gand shall read, with numpy itself.

usage: arrays.py read FILE          prints the arrays of a .npy or .npz file as JSON
       arrays.py write FOLDER       writes arrays of every kind that gand reads
"""

import json
import sys

import numpy as np


def read(path):
    loaded = np.load(path)
    arrays = {"": loaded} if path.endswith(".npy") else dict(loaded)
    described = {
        name: {"dtype": array.dtype.str, "shape": array.shape, "values": array.ravel().tolist()}
        for name, array in arrays.items()
    }
    print(json.dumps(described))


def write(folder):
    values = np.arange(24).reshape(2, 3, 4)
    np.save(f"{folder}/u1.npy", values.astype(np.uint8))
    np.save(f"{folder}/f4.npy", values.astype("<f4") / 8)
    np.save(f"{folder}/f8.npy", values.astype("<f8") / 8)
    np.save(f"{folder}/fortran.npy", np.asfortranarray(values.astype("<f4")))
    np.save(f"{folder}/int64.npy", values)
    np.save(f"{folder}/b1.npy", np.array([False, True, True, False]))
    np.save(f"{folder}/scalar.npy", np.float32(2.5))
    np.savez(f"{folder}/plain.npz", a=values.astype(np.uint8), b=values.astype("<f4"))
    np.savez_compressed(f"{folder}/packed.npz", a=values.astype(np.uint8), b=values.astype("<f4"))


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](sys.argv[2])
