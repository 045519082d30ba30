"""Memory of gand train: beside PyTorch's process for the same networks, and over many steps.

Usage: memory.py GAND [beside|flat] [--steps N] [--datasets DIR]. `beside` trains paper-mnist with an evaluation and
checkpoints, on MNIST where the folder has it; PyTorch's process has 5,000 examples in memory instead of 50,000, and
neither evaluates nor saves. `flat` trains the digits recipe and fails if memory grows from a tenth of the way on.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).resolve().parent
arguments = argparse.ArgumentParser()
arguments.add_argument("gand")
arguments.add_argument("what", choices=["beside", "flat"])
arguments.add_argument("--steps", type=int)
arguments.add_argument("--datasets", default="../shared/data")
options = arguments.parse_args()
MIB = 1024


def memory(process, field):
    """VmRSS or VmHWM in MiB; nothing once the process has ended."""
    try:
        lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return None
    return next((int(line.split()[1]) / MIB for line in lines if line.startswith(field)), None)


def train(recipe, dataset, steps, out, datasets=None):
    command = [options.gand, "train", recipe, "--dataset", dataset, "--steps", str(steps), "--out", str(out)]
    if datasets:
        command += ["--datasets", datasets]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def last_step(out):
    try:
        with open(out / "metrics.csv", "rb") as file:
            file.seek(max(0, file.seek(0, 2) - 400))
            return int(file.read().splitlines()[-1].split(b",")[0])
    except (FileNotFoundError, IndexError, ValueError):
        return 0


def beside(folder):
    steps = options.steps or 1000
    mnist = pathlib.Path(options.datasets, "mnist").is_dir()
    process = train("paper-mnist", "mnist" if mnist else "digits", steps, folder, options.datasets if mnist else None)
    ours = 0
    while process.poll() is None:
        ours = max(ours, memory(process, "VmHWM") or 0)
        time.sleep(0.05)
    print(process.stdout.read().strip())
    for update in ["simultaneous", "alternating"]:
        command = [sys.executable, here / "torch_peer.py", update, "sgd", "2", "eager"]
        peer = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert peer.stdout.readline().strip() == "ready"
        peer.stdin.write("run 200\n")
        peer.stdin.flush()
        peer.stdout.readline()
        theirs = memory(peer, "VmHWM")
        peer.stdin.close()
        peer.wait()
        print(f"peak memory: gand train {ours:.0f} MiB, PyTorch ({update}) {theirs:.0f} MiB, {theirs / ours:.1f} times as much")


def flat(folder):
    steps = options.steps or 100_000
    process = train("digits", "digits", steps, folder)
    seen = []
    while process.poll() is None:
        step, resident = last_step(folder), memory(process, "VmRSS")
        if resident and (not seen or step >= seen[-1][0] + steps // 20):
            seen.append((step, resident))
            print(f"step {step:7}: {resident:.1f} MiB", flush=True)
        time.sleep(0.2)
    print(process.stdout.read().strip())
    assert process.returncode == 0 and len(seen) > 10, "the run did not finish"
    settled = [resident for step, resident in seen if step >= steps // 10]
    growth = max(settled) - settled[0]
    print(f"{growth:+.1f} MiB at most from step {steps // 10} to step {seen[-1][0]}")
    sys.exit(growth > 10)


with tempfile.TemporaryDirectory() as folder:
    {"beside": beside, "flat": flat}[options.what](pathlib.Path(folder) / "run")
