"""Draws a checkpoint's samples with numpy alone and compares them with gand's: forward.py CHECKPOINT SAMPLES.npz.

Reads the safetensors file by its format, follows the spec in its metadata, and takes the latents from the archive.
"""
import json
import sys

import numpy as np

with open(sys.argv[1], "rb") as file:
    length = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(length))
    data = file.read()
metadata = header.pop("__metadata__")


def tensor(name):
    start, end = header[name]["data_offsets"]
    return np.frombuffer(data[start:end], "<f4").reshape(header[name]["shape"])


spec = json.loads(metadata["spec"])
prefix = "generator" if spec["training"]["ema"] is None else "ema.generator"
generator = spec["model"]["generator"]
activations = [layer["activation"] for layer in generator["layers"]] + [generator["output"]]
functions = {
    "relu": lambda a: np.maximum(a, 0),
    "leaky_relu": lambda a: np.where(a > 0, a, 0.2 * a),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": np.tanh,
    "linear": lambda a: a,
}

archive = np.load(sys.argv[2])
z, expected = archive["z"], archive["x"]
x = z.astype(np.float64)
for index, activation in enumerate(activations):
    x = functions[activation](x @ tensor(f"{prefix}.{index}.weight").T.astype(np.float64) + tensor(f"{prefix}.{index}.bias"))
if generator["output"] == "tanh":
    x = (x + 1) / 2
assert expected.dtype == np.float32 and expected.ndim == 4, (expected.dtype, expected.shape)
assert len(z) == len(expected) and expected.std() > 0.01, "nothing to compare"
worst = np.abs(x.reshape(expected.shape) - expected).max()
print(f"{len(z)} samples, {prefix}, largest difference {worst:.2e}")
sys.exit(0 if worst < 1e-5 else 1)
