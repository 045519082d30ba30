"""Runs gand and its peers in turn, a few steps each, round after round, and prints medians and ratios.

Usage: compare.py PEER_BINARY [--rounds N] [--steps N] [--threads 1,2]. Only one of them computes at a time, so that
all see the same machine; only ratios within one run mean something. A case is RECIPE/UPDATE/OPTIMIZER, or parzen/PROTOCOL/f32.
"""
import argparse
import pathlib
import statistics
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
arguments = argparse.ArgumentParser()
arguments.add_argument("binary")
arguments.add_argument("--rounds", type=int, default=9)
arguments.add_argument("--steps", type=int, default=40)
arguments.add_argument("--threads", default="2,1")
arguments.add_argument(
    "--cases",
    default="paper-mnist/alternating/sgd,paper-mnist/alternating/adam,paper-mnist/simultaneous/sgd,"
    "paper-mnist/simultaneous/adam,paper-cifar10-conv/simultaneous/sgd,parzen/goodfellow2014/f32",
)
options = arguments.parse_args()


def start(command):
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while True:
        line = process.stdout.readline()
        if not line:
            sys.exit(f"{command} ended before it was ready")
        if line.strip() == "ready":
            return process


def seconds(process, steps):
    process.stdin.write(f"run {steps}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def peers_of(recipe, *rest):
    """The commands of those who can train a case, by name. `rest` is update, optimizer and threads."""
    ours = {"gand": [options.binary, "gand", recipe, *rest]}
    if recipe == "parzen":
        ours["PyTorch, eager"] = [sys.executable, here / "torch_parzen_peer.py", *rest]
        return ours
    if recipe == "paper-cifar10-conv":
        for mode in ["eager", "compiled"]:
            for layout in ["nchw", "nhwc"]:
                ours[f"PyTorch, {mode}, {layout}"] = [sys.executable, here / "torch_conv_peer.py", *rest, mode, layout]
        return ours
    for mode in ["eager", "compiled"]:
        ours[f"PyTorch, {mode}"] = [sys.executable, here / "torch_peer.py", *rest, mode]
    ours["JAX, compiled"] = [sys.executable, here / "jax_peer.py", *rest]
    if "sgd" in rest:
        ours["hand-written over gemm"] = [options.binary, "handwritten", recipe, *rest]
    return ours


for case in options.cases.split(","):
    recipe, update, optimizer = case.split("/")
    # A convolutional step or an evaluation takes much longer.
    steps = max(1, options.steps // {"paper-mnist": 1, "paper-cifar10-conv": 10, "parzen": 40}[recipe])
    for threads in options.threads.split(","):
        peers = peers_of(recipe, update, optimizer, threads)
        running = {name: start(list(map(str, command))) for name, command in peers.items()}
        rates = {name: [] for name in running}
        for _ in range(options.rounds):
            for name, process in running.items():
                rates[name].append(steps / seconds(process, steps))
        for process in running.values():
            process.stdin.close()
            process.wait()
        print(f"{case}, {threads} thread{'s' if threads != '1' else ''}")
        for name, values in rates.items():
            median = statistics.median(values)
            ratio = statistics.median(a / b for a, b in zip(rates["gand"], values))
            print(f"  {name:24} {median:6.2f} a second ({min(values):.2f} to {max(values):.2f}); gand is {ratio:.2f} times as fast")
        sys.stdout.flush()
