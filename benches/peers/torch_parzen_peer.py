"""Parzen windows in PyTorch, with the same algebra as gand's: a matrix product, then log-sum-exp, block by block.

Reads "run N" lines, answers with the seconds that N evaluations took. Arguments: goodfellow2014|one-bandwidth f32
threads. All bandwidths from one pass over the distances; blocks of 1,000 points, which was the best of 250 to 10,000.
"""
import math
import sys

import torch

import turns

what, threads = sys.argv[1], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
DIM, BLOCK = 784, 1000
samples, validation, test = torch.rand(10_000, DIM), torch.rand(1_000, DIM), torch.rand(10_000, DIM)


@torch.no_grad()
def log_likelihoods(samples, points, bandwidths):
    norms = samples.square().sum(1)
    found = [[] for _ in bandwidths]
    for block in points.split(BLOCK):
        distances = torch.addmm(norms, block, samples.T, alpha=-2).add_(block.square().sum(1, keepdim=True))
        for values, bandwidth in zip(found, bandwidths):
            values.append(torch.logsumexp(distances * (-0.5 / bandwidth**2), 1))
    constants = [math.log(len(samples)) + DIM * math.log(b * math.sqrt(2 * math.pi)) for b in bandwidths]
    return [torch.cat(values) - constant for values, constant in zip(found, constants)]


def protocol():
    grid = torch.logspace(-1, 0, 10).tolist()
    curve = [values.double().mean().item() for values in log_likelihoods(samples, validation, grid)]
    best = grid[max(range(len(grid)), key=curve.__getitem__)]
    return log_likelihoods(samples, test, [best])[0].double().mean().item()


def one_bandwidth():
    return log_likelihoods(samples, test, [0.2])[0].double().mean().item()


work = protocol if what == "goodfellow2014" else one_bandwidth


def scored():
    assert math.isfinite(work())


turns.take(turns.one_by_one(scored), warm_up=1)
