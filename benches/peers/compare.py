"""Runs gand and its peers in turn, a few steps each, round after round, and prints medians and ratios.

Usage: compare.py PEER_BINARY [--rounds N] [--steps N] [--threads 1,2]. Only one of them computes at a time, so that
all see the same machine; only ratios within one run mean something.
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
arguments.add_argument("--cases", default="alternating/sgd,alternating/adam,simultaneous/sgd,simultaneous/adam")
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


for case in options.cases.split(","):
    update, optimizer = case.split("/")
    for threads in options.threads.split(","):
        peers = {
            "gand": [options.binary, "gand", update, optimizer, threads],
            "PyTorch, eager": [sys.executable, here / "torch_peer.py", update, optimizer, threads, "eager"],
            "PyTorch, compiled": [sys.executable, here / "torch_peer.py", update, optimizer, threads, "compiled"],
            "JAX, compiled": [sys.executable, here / "jax_peer.py", update, optimizer, threads],
        }
        if optimizer == "sgd":
            peers["hand-written over gemm"] = [options.binary, "handwritten", update, optimizer, threads]
        running = {name: start(list(map(str, command))) for name, command in peers.items()}
        rates = {name: [] for name in running}
        for _ in range(options.rounds):
            for name, process in running.items():
                rates[name].append(options.steps / seconds(process, options.steps))
        for process in running.values():
            process.stdin.close()
            process.wait()
        ours = statistics.median(rates["gand"])
        print(f"{case}, {threads} thread{'s' if threads != '1' else ''}")
        for name, values in rates.items():
            median = statistics.median(values)
            ratio = statistics.median(a / b for a, b in zip(rates["gand"], values))
            print(f"  {name:24} {median:6.1f} steps/s ({min(values):.1f} to {max(values):.1f}); gand is {ratio:.2f} times as fast")
        sys.stdout.flush()
