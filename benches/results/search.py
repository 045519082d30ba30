#!/usr/bin/env python3
"""How `modern` was found: many GANs of one shape trained side by side by PyTorch on a GPU, each with settings of its own.

    benches/results/search.py MNIST GROUP [SECONDS]

MNIST is the folder with its four IDX files, GROUP a name of GROUPS. Every evaluation is a line of JSON: the protocol
`goodfellow2014`, forty finer bandwidths, density and coverage (k = 5) against the test images. It is a prototype: products
are TF32's, minibatches are drawn with replacement, and its scores are not gand's. What it chose, gand measures again
(run.py).
"""
import gzip
import itertools
import json
import math
import pathlib
import sys
import time

import numpy
import torch
from torch.nn import functional as F

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
GRIDS = {"goodfellow2014": numpy.logspace(-1, 0, 10), "fine": numpy.geomspace(0.08, 0.5, 40)}
SAMPLES = 10_000


def grid(**settings):
    return [dict(zip(settings, values)) for values in itertools.product(*settings.values())]


PAPER = dict(g=[1200, 1200], d=[240, 240], pieces=5, optimizer="sgd", update="simultaneous", g_range=0.05, d_range=0.005,
             g_rate=0.1, d_rate=0.1, dropout=0.5, input_dropout=0.2, averages=[0.999, 0.9998])
LEAKY = dict(g=[512, 512], d=[512, 256], optimizer="adam", update="alternating", g_range=0.05, d_range=0.05, he=True,
             g_rate=3e-4, d_rate=1e-4, dropout=0.3, input_dropout=0.0, averages=[0.9998, 0.9995])
# What all networks of a group share, the number of steps, and what each has of its own.
GROUPS = {
    "paper": (PAPER | dict(averages=[0.999, 0.9995, 0.9999]), 120_000, [{}] * 3),
    "paper-rates": (PAPER, 40_000, grid(g_rate=[0.1, 0.3], d_rate=[0.1, 0.2], dropout=[0.5, 0.3])),
    "paper-adam": (PAPER | dict(optimizer="adam", update="alternating"), 40_000,
                   grid(g_rate=[1e-4, 3e-4], d_rate=[3e-5, 1e-4], noise=[0.0, 0.3])),
    "leaky": (LEAKY, 40_000,
              grid(g_rate=[1e-4, 3e-4], d_rate=[1e-4, 3e-4], dropout=[0.3, 0.5], input_dropout=[0.0, 0.2])),
    "rates": (LEAKY, 40_000, grid(g_rate=[3e-4, 6e-4, 1e-3], d_rate=[5e-5, 1e-4, 2e-4], dropout=[0.1, 0.3])),
    "simultaneous": (LEAKY | dict(update="simultaneous"), 40_000, [{}, {"g_rate": 5e-4}, {"dropout": 0.1}]),
    "batch-norm": (LEAKY | dict(batch_norm=True), 40_000, [{}, {"g_rate": 1e-3}, {"dropout": 0.0}]),
    "wide-d": (LEAKY | dict(d=[1024, 512]), 40_000, [{}, {"g_rate": 5e-4}, {"dropout": 0.1}]),
    "batch-50": (LEAKY | dict(batch=50), 60_000, [{}, {"dropout": 0.1}]),
    "latent-32": (LEAKY | dict(latent=32), 40_000, [{}, {"g_rate": 5e-4}, {"dropout": 0.1}]),
}


def images(folder, name):
    raw = gzip.open(pathlib.Path(folder) / name).read()[16:]
    return torch.from_numpy(numpy.frombuffer(raw, numpy.uint8).reshape(-1, 784).copy()).to(DEVICE).float() / 255


class Scores:
    def __init__(self, folder):
        train = images(folder, "train-images-idx3-ubyte.gz")
        self.train, self.validation, self.test = train[:50_000], train[50_000:51_000], images(folder, "t10k-images-idx3-ubyte.gz")
        blocks = [self.distances(block, self.test).topk(6, 1, largest=False).values[:, 5] for block in self.test.split(2500)]
        self.radii = torch.cat(blocks)

    @staticmethod
    def distances(a, b):
        return ((a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T).clamp_min_(0)

    @staticmethod
    def log_likelihoods(distances, sigma):
        constant = math.log(distances.shape[1]) + 784 * math.log(sigma * math.sqrt(2 * math.pi))
        return torch.logsumexp(-distances / (2 * sigma * sigma), 1) - constant

    def of(self, samples):
        near = self.distances(self.validation, samples)
        best = {name: max(grid, key=lambda sigma: self.log_likelihoods(near, sigma).mean().item()) for name, grid in GRIDS.items()}
        totals, inside, reached = dict.fromkeys(GRIDS, 0.0), 0.0, 0
        for block, radii in zip(self.test.split(2500), self.radii.split(2500)):
            near = self.distances(block, samples)
            for name, sigma in best.items():
                totals[name] += self.log_likelihoods(near, sigma).sum().item()
            within = near < radii[:, None]
            inside += within.sum().item()
            reached += within.any(1).sum().item()
        scores = {name: round(total / len(self.test), 1) for name, total in totals.items()}
        return scores | {"density": round(inside / (5 * len(samples)), 3), "coverage": round(reached / len(self.test), 3)}


class Group:
    """R pairs of networks as batched matrices: weights are (R, inputs, outputs)."""

    def __init__(self, shared, own, mean):
        self.shared, self.own, self.count = shared, own, len(own)
        self.batch, self.latent, self.pieces = shared.get("batch", 100), shared.get("latent", 100), shared.get("pieces", 1)
        self.normed, self.adam = shared.get("batch_norm", False), shared["optimizer"] == "adam"
        for name, default in [("g_rate", None), ("d_rate", None), ("dropout", None), ("input_dropout", None), ("noise", 0.0)]:
            values = [float(one.get(name, shared.get(name, default))) for one in own]
            setattr(self, name, torch.tensor(values, device=DEVICE).view(-1, 1, 1))
        self.noisy = bool((self.noise > 0).any())
        he = shared.get("he", False)
        self.g_weights, inputs = [], self.latent
        for units in shared["g"]:
            self.g_weights += self.affine(inputs, units, shared["g_range"], he)
            if self.normed:
                self.g_weights += [torch.ones(self.count, 1, units, device=DEVICE), torch.zeros(self.count, 1, units, device=DEVICE)]
            inputs = units
        weight, bias = self.affine(inputs, 784, shared["g_range"], False)
        mean = mean.clamp(1e-7, 1 - 1e-7)
        self.g_weights += [weight, bias + torch.log(mean / (1 - mean))]
        self.d_weights, inputs = [], 784
        for units in shared["d"]:
            self.d_weights += self.affine(inputs, units * self.pieces, shared["d_range"], he)
            inputs = units
        self.d_weights += self.affine(inputs, 1, shared["d_range"], False)
        for weights in self.g_weights + self.d_weights:
            weights.requires_grad_(True)
        self.averages = {decay: [w.detach().clone() for w in self.g_weights] for decay in shared["averages"]}
        self.moments = {id(w): (torch.zeros_like(w), torch.zeros_like(w)) for w in self.g_weights + self.d_weights}
        self.steps = torch.zeros((), device=DEVICE)
        self.losses = torch.zeros(2, self.count, device=DEVICE)
        compiled = torch.compile if DEVICE == "cuda" else lambda function: function
        self.both, self.of_d, self.of_g, self.descend = map(compiled, (self.both, self.of_d, self.of_g, self.descend))

    def affine(self, inputs, outputs, half_width, he):
        shape = (self.count, inputs, outputs)
        uniform = (torch.rand(shape, device=DEVICE) * 2 - 1) * half_width
        weight = torch.randn(shape, device=DEVICE) * math.sqrt(2 / inputs) if he else uniform
        return [weight, torch.zeros(self.count, 1, outputs, device=DEVICE)]

    def latents(self, count):
        return (torch.rand(self.count, count, self.latent, device=DEVICE) * 2 - 1) * 3**0.5

    def disturbance(self, rows):
        """What D's dropout and the noise on its input are drawn from."""
        masks = [torch.rand(self.count, rows, units, device=DEVICE) for units in [784] + self.shared["d"]]
        noise = torch.randn(self.count, rows, 784, device=DEVICE) if self.noisy else torch.zeros(1, 1, 1, device=DEVICE)
        return masks, noise * self.noise

    def generator(self, latents, weights):
        hidden, place = latents, 0
        for _ in self.shared["g"]:
            hidden = torch.baddbmm(weights[place + 1], hidden, weights[place])
            place += 2
            if self.normed:
                mean, variance = hidden.mean(1, keepdim=True), hidden.var(1, keepdim=True, unbiased=False)
                hidden = (hidden - mean) * torch.rsqrt(variance + 1e-5) * weights[place] + weights[place + 1]
                place += 2
            hidden = F.relu(hidden)
        return torch.sigmoid(torch.baddbmm(weights[place + 1], hidden, weights[place]))

    def discriminator(self, points, weights, masks, noise):
        hidden = (points + noise) * (masks[0] >= self.input_dropout) / (1 - self.input_dropout)
        for layer in range(len(self.shared["d"])):
            hidden = torch.baddbmm(weights[2 * layer + 1], hidden, weights[2 * layer])
            if self.pieces > 1:
                hidden = hidden.view(*hidden.shape[:2], -1, self.pieces).amax(3)
            else:
                hidden = F.leaky_relu(hidden, 0.2)
            hidden = hidden * (masks[layer + 1] >= self.dropout) / (1 - self.dropout)
        return torch.baddbmm(weights[-1], hidden, weights[-2])[:, :, 0]

    def d_loss(self, logits):
        real, fake = logits.split(self.batch, 1)
        return 0.5 * (F.softplus(-real).mean(1) + F.softplus(fake).mean(1))

    def both(self, real, latents, masks, noise):
        fake = self.generator(latents, self.g_weights)
        logits = self.discriminator(torch.cat([real, fake], 1), self.d_weights, masks, noise)
        return self.d_loss(logits), F.softplus(-logits[:, self.batch :]).mean(1)

    def of_d(self, real, fake, masks, noise):
        return self.d_loss(self.discriminator(torch.cat([real, fake], 1), self.d_weights, masks, noise))

    def of_g(self, latents, masks, noise):
        frozen = [weights.detach() for weights in self.d_weights]
        return F.softplus(-self.discriminator(self.generator(latents, self.g_weights), frozen, masks, noise)).mean(1)

    def descend(self, weights, gradients, rate, averages):
        update = self.steps + 1
        momentum = (0.5 + 0.2 * (update * self.batch / 50_000 - 1) / 249).clamp(0.5, 0.7)
        decayed = rate * torch.exp(-update * math.log(1.000004))
        for one, gradient in zip(weights, gradients):
            first, second = self.moments[id(one)]
            if self.adam:
                first.mul_(0.5).add_(gradient * 0.5)
                second.mul_(0.999).add_(gradient * gradient * 0.001)
                scale = (second / (1 - 0.999**update)).sqrt() + 1e-8
                one.sub_(rate * (first / (1 - 0.5**update)) / scale)
            else:
                first.mul_(momentum).sub_(decayed * gradient)
                one.add_(first)
        for decay, kept in averages.items():
            share = 1 - torch.minimum(torch.full_like(update, decay), (1 + update) / (10 + update))
            for average, one in zip(kept, weights):
                average.add_((one - average) * share)

    def step(self, train):
        real = train[torch.randint(0, len(train), (self.count, self.batch), device=DEVICE)]
        if self.shared["update"] == "simultaneous":
            d_loss, g_loss = self.both(real, self.latents(self.batch), *self.disturbance(2 * self.batch))
            d_gradients = torch.autograd.grad(d_loss.sum(), self.d_weights, retain_graph=True)
            g_gradients = torch.autograd.grad(g_loss.sum(), self.g_weights)
            with torch.no_grad():
                self.descend(self.d_weights, d_gradients, self.d_rate, {})
        else:
            with torch.no_grad():
                fake = self.generator(self.latents(self.batch), self.g_weights)
            d_loss = self.of_d(real, fake, *self.disturbance(2 * self.batch))
            d_gradients = torch.autograd.grad(d_loss.sum(), self.d_weights)
            with torch.no_grad():
                self.descend(self.d_weights, d_gradients, self.d_rate, {})
            g_loss = self.of_g(self.latents(self.batch), *self.disturbance(self.batch))
            g_gradients = torch.autograd.grad(g_loss.sum(), self.g_weights)
        with torch.no_grad():
            self.descend(self.g_weights, g_gradients, self.g_rate, self.averages)
            self.losses.copy_(torch.stack([d_loss, g_loss]))
            self.steps.add_(1)

    @torch.no_grad()
    def evaluate(self, scores, steps):
        for decay, weights in [(None, self.g_weights)] + list(self.averages.items()):
            samples = torch.cat([self.generator(self.latents(SAMPLES // 10), weights) for _ in range(10)], 1)
            for index, own in enumerate(self.own):
                finite = bool(torch.isfinite(samples[index]).all())
                found = scores.of(samples[index]) if finite else {}
                print(json.dumps({"step": steps, "own": own, "average": decay} | found), flush=True)


def main():
    folder, name = sys.argv[1:3]
    deadline = time.time() + float(sys.argv[3]) if len(sys.argv) > 3 else math.inf
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(0)
    scores = Scores(folder)
    shared, steps, own = GROUPS[name]
    group = Group(shared, own, scores.train.mean(0))
    run = lambda: group.step(scores.train)
    if DEVICE == "cuda":
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(4):
                run()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            run()
        run = graph.replay
    for done in range(1, steps + 1):
        run()
        if done % 10_000 == 0:
            group.evaluate(scores, done)
            if time.time() > deadline:
                break


if __name__ == "__main__":
    main()
