#!/usr/bin/env python3
"""Default recipes over seeds and kernels: does each of them train, from every seed, on every processor?

    benches/results/seeds.py GAND OUT [--recipes modern,digits] [--seeds 0-9] [--kernels avx512,avx2,portable]
                             [--jobs 2] [--table] [--json FILE]

Trains each by `gand train` with the recipe untouched, one thread each, `--jobs` side by side, into OUT/RECIPE-DATASET-SEED-KERNELS.
A run that is finished is not trained again, and one that was interrupted goes on. Then prints a row for each run and one for
each recipe: the worst, the median and the best; `--json` writes the latter into a file, from which README.md's table is made
(`GAND_UPDATE=1 cargo test --release --test it readme`). `--table` trains nothing. Seconds are those of the processor, for training and
evaluations together.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import sys

# Data, the number that counts (the higher the better, but for a divergence), what it must come to, steps between evaluations,
# and steps in all where they are not the recipe's. The published settings are shown as they are: nothing is asked of them.
RECIPES = {
    "modern": (["mnist"], "log_likelihood", 225.0, 1000, None),
    "fast": (["mnist"], "log_likelihood", 100.0, 2500, None),
    "digits": (["digits"], "log_likelihood", 28.0, 2500, None),
    "toy-1d": (["gaussian-1d", "mixture-1d"], "divergence", 0.02, 4000, None),
    "toy-2d": (["ring-2d", "grid-2d"], "modes", 1.0, 5000, None),
    "paper-mnist": (["mnist"], "log_likelihood", None, 1000, 5000),
}


def spec(recipe, dataset, seed):
    *_, every, steps = RECIPES[recipe]
    return {
        "dataset": dataset, "recipe": recipe, "seed": seed, "training": {"steps": steps} if steps else {},
        "checkpoint": {"every": 5000, "keep": 1, "keep_best": False}, "evaluation": {"every": every, "quality": True},
    }


def evaluations(folder):
    path = folder / "evaluations.json"
    return json.loads(path.read_text()) if path.exists() else []


def finished(folder):
    written = folder / "spec.json"
    steps = json.loads(written.read_text())["training"]["steps"] if written.exists() else None
    return any(one["step"] == steps for one in evaluations(folder))


def train(gand, out, run):
    recipe, dataset, seed, kernels = run
    folder = out / "-".join(map(str, run))
    if finished(folder):
        return
    written = out / f"{folder.name}.json"
    written.write_text(json.dumps(spec(recipe, dataset, seed)))
    what = ["--resume", folder] if (folder / "spec.json").exists() else [written, "--out", folder]
    command = [gand, "train", *what, "--threads", "1", "--kernels", kernels]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    with open(out / "seconds.jsonl", "a") as seconds:
        seconds.write(json.dumps({"run": folder.name, "seconds": round(usage.ru_utime + usage.ru_stime, 1)}) + "\n")
    if not finished(folder):
        print(f"{folder.name} ended with {os.waitstatus_to_exitcode(status)}: {said}", file=sys.stderr)


def number(recipe, one):
    theory = one.get("theory") or {}
    return {
        "log_likelihood": lambda: one["log_likelihood"],
        "divergence": lambda: theory["divergence"],
        "modes": lambda: theory["modes_covered"] / theory["modes"],
    }[RECIPES[recipe][1]]()


def good(recipe, value):
    _, by, bar, *_ = RECIPES[recipe]
    if bar is None:
        return True
    return value <= bar if by == "divergence" else value >= bar


def seconds_of(out):
    path = out / "seconds.jsonl"
    total = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        one = json.loads(line)
        total[one["run"]] = total.get(one["run"], 0) + one["seconds"]
    return total


def table(out, runs):
    print("| recipe | data | seed | kernels | result | coverage | health | first step past the bar | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    groups, steps, seconds = {}, {}, seconds_of(out)
    for run in runs:
        recipe, dataset, seed, kernels = run
        folder = out / "-".join(map(str, run))
        if not finished(folder):
            continue
        all_of_it = [one for one in evaluations(folder) if one["step"] > 0]
        last = all_of_it[-1]
        steps[recipe] = last["step"]
        coverage = ((last.get("quality") or {}).get("coverage") or {}).get("coverage")
        findings = folder / "findings.json"
        told = [one for one in json.loads(findings.read_text())] if findings.exists() else []
        health = ", ".join(f"{one['kind']} at {one['step']}" for one in told if one["severity"] != "info") or "sound"
        value = number(recipe, last)
        reached = (one["step"] for one in all_of_it if good(recipe, number(recipe, one)))
        past = next(reached, "never") if RECIPES[recipe][2] is not None else ""
        groups.setdefault((recipe, dataset, kernels), []).append((value, past))
        print(
            f"| {recipe} | {dataset} | {seed} | {kernels} | {value:.4g} | {'' if coverage is None else f'{coverage:.3f}'} "
            f"| {health} | {past} | {seconds.get(folder.name, float('nan')):.0f} |"
        )
    print("\n| recipe | data | kernels | seeds | least | median | most | past the bar |\n" + "| --- " * 8 + "|")
    rows = []
    for (recipe, dataset, kernels), found in groups.items():
        values = sorted(value for value, _ in found)
        passed = sum(good(recipe, value) for value in values)
        low, middle, high = values[0], statistics.median(values), values[-1]
        print(
            f"| {recipe} | {dataset} | {kernels} | {len(values)} | {low:.4g} | {middle:.4g} | {high:.4g} "
            f"| {passed} of {len(values)} |"
        )
        rows.append({
            "recipe": recipe, "dataset": dataset, "kernels": kernels, "seeds": len(values), "by": RECIPES[recipe][1],
            "bar": RECIPES[recipe][2], "steps": steps[recipe], "least": round(low, 4), "median": round(middle, 4), "most": round(high, 4),
            "passed": passed,
        })
    return rows


def processor():
    names = [line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return names[0] if names else "unknown"


def seeds_of(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("gand")
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--recipes", default=",".join(RECIPES))
    arguments.add_argument("--seeds", type=seeds_of, default=seeds_of("0-9"))
    arguments.add_argument("--kernels", default="avx512,avx2")
    arguments.add_argument("--jobs", type=int, default=2)
    arguments.add_argument("--table", action="store_true")
    arguments.add_argument("--json", type=pathlib.Path)
    given = arguments.parse_args()
    runs = [
        (recipe, dataset, seed, kernels)
        for recipe in given.recipes.split(",") for kernels in given.kernels.split(",")
        for dataset in RECIPES[recipe][0] for seed in given.seeds
    ]
    given.out.mkdir(parents=True, exist_ok=True)
    if not given.table:
        with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
            list(pool.map(lambda run: train(given.gand, given.out, run), runs))
    rows = table(given.out, runs)
    if given.json:
        given.json.write_text(json.dumps({"processor": processor(), "rows": rows}, indent=1) + "\n")
