"""Samples of a trained generator over HTTP, the way a user of PyTorch would serve them: FastAPI, Pillow, uvicorn.

Usage: fastapi_peer.py CHECKPOINT WORKERS THREADS. Reads the safetensors file that gand serves, listens on a free port of
loopback, prints the port, and answers GET /samples?seed=N&count=N with a PNG grid until it is ended.
"""
import io
import json
import os
import socket
import sys

import numpy
import torch
import uvicorn
from fastapi import FastAPI, Query, Response
from PIL import Image
from torch import nn

GAP, GROUND = 2, 235


def read_safetensors(path):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            array = numpy.frombuffer(data[begin:end], numpy.float32).reshape(entry["shape"])
            tensors[name] = torch.from_numpy(array.copy())
    return tensors


def load(path):
    tensors = read_safetensors(path)
    model = nn.Sequential(
        nn.Linear(100, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU(), nn.Linear(1200, 784), nn.Sigmoid()
    )
    for index, place in enumerate([0, 2, 4]):
        model[place].weight = nn.Parameter(tensors[f"generator.{index}.weight"])
        model[place].bias = nn.Parameter(tensors[f"generator.{index}.bias"])
    return model.eval().requires_grad_(False)


def grid(images, columns=8):
    rows = -(-len(images) // columns)
    picture = numpy.full((GAP + rows * (28 + GAP), GAP + columns * (28 + GAP)), GROUND, numpy.uint8)
    for index, image in enumerate(images):
        top, left = GAP + index // columns * (28 + GAP), GAP + index % columns * (28 + GAP)
        picture[top : top + 28, left : left + 28] = image
    return picture


app = FastAPI()
if "PEER_CHECKPOINT" in os.environ:
    torch.set_num_threads(int(os.environ["PEER_THREADS"]))
    model = load(os.environ["PEER_CHECKPOINT"])


@app.get("/samples")
def samples(seed: int = 0, count: int = Query(64, ge=1, le=10_000)):
    generator = torch.Generator().manual_seed(seed)
    z = (torch.rand(count, 100, generator=generator) * 2 - 1) * 3**0.5
    with torch.inference_mode():
        images = (model(z).view(-1, 28, 28) * 255).round().to(torch.uint8).numpy()
    file = io.BytesIO()
    Image.fromarray(grid(images)).save(file, "PNG")
    return Response(file.getvalue(), media_type="image/png")


if __name__ == "__main__":
    checkpoint, workers, threads = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    os.environ.update(PEER_CHECKPOINT=checkpoint, PEER_THREADS=threads)
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    os.environ["PYTHONPATH"] = sys.path[0]
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listener.getsockname()[1], flush=True)
    uvicorn.run("fastapi_peer:app", fd=listener.fileno(), workers=workers, log_level="error", access_log=False)
