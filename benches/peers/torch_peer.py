"""The paper's MNIST networks in PyTorch, the way a careful user would write them.

Reads "run N" lines, answers with the seconds that N steps took. Arguments: update optimizer threads eager|compiled.
Best settings found: fused optimisers, D frozen in G's step, maxout by amax, all data in memory.
"""
import sys

import torch
from torch import nn
from torch.nn import functional as F

import turns

update, optimizer, threads, mode = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
torch.set_num_threads(threads)
torch.manual_seed(0)
BATCH = 100


class Maxout(nn.Module):
    def __init__(self, inputs, units, pieces):
        super().__init__()
        self.linear, self.units, self.pieces = nn.Linear(inputs, units * pieces), units, pieces

    def forward(self, x):
        return self.linear(x).view(-1, self.units, self.pieces).amax(2)


generator = nn.Sequential(nn.Linear(100, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU(), nn.Linear(1200, 784), nn.Sigmoid())
discriminator = nn.Sequential(
    nn.Dropout(0.2), Maxout(784, 240, 5), nn.Dropout(0.5), Maxout(240, 240, 5), nn.Dropout(0.5), nn.Linear(240, 1)
)
for net, span in [(generator, 0.05), (discriminator, 0.005)]:
    for parameter in net.parameters():
        nn.init.uniform_(parameter, -span, span) if parameter.dim() > 1 else nn.init.zeros_(parameter)


def make(net):
    if optimizer == "sgd":
        return torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5, fused=True)
    return torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)


of_generator, of_discriminator = make(generator), make(discriminator)
data = torch.rand(5000, 784)
order = torch.randperm(5000)
position = 0
d_parameters = list(discriminator.parameters())


def examples():
    global position
    if position + BATCH > len(order):
        position = 0
    index = order[position : position + BATCH]
    position += BATCH
    return data[index]


def latents():
    return (torch.rand(BATCH, 100) * 2 - 1) * 3**0.5


def d_loss_of(real, fake):
    logits = discriminator(torch.cat([real, fake]))
    return 0.5 * (F.softplus(-logits[:BATCH]).mean() + F.softplus(logits[BATCH:]).mean()), logits


def alternating_forward_d(real, z):
    with torch.no_grad():
        fake = generator(z)
    return d_loss_of(real, fake)[0]


def alternating_forward_g(z):
    return F.softplus(-discriminator(generator(z))).mean()


def simultaneous_forward(real, z):
    fake = generator(z)
    d_loss, logits = d_loss_of(real, fake)
    return d_loss, F.softplus(-logits[BATCH:]).mean()


if mode == "compiled":
    alternating_forward_d = torch.compile(alternating_forward_d)
    alternating_forward_g = torch.compile(alternating_forward_g)
    simultaneous_forward = torch.compile(simultaneous_forward)


def step():
    if update == "alternating":
        of_discriminator.zero_grad(set_to_none=True)
        d_loss = alternating_forward_d(examples(), latents())
        d_loss.backward()
        of_discriminator.step()
        for parameter in d_parameters:
            parameter.requires_grad_(False)
        of_generator.zero_grad(set_to_none=True)
        g_loss = alternating_forward_g(latents())
        g_loss.backward()
        of_generator.step()
        for parameter in d_parameters:
            parameter.requires_grad_(True)
        return d_loss.item(), g_loss.item()
    # One draw of latents and one mask: one forward pass, each player's gradient in its own weights.
    of_discriminator.zero_grad(set_to_none=True)
    of_generator.zero_grad(set_to_none=True)
    d_loss, g_loss = simultaneous_forward(examples(), latents())
    d_gradients = torch.autograd.grad(d_loss, d_parameters, retain_graph=True)
    g_gradients = torch.autograd.grad(g_loss, list(generator.parameters()))
    for parameter, gradient in zip(d_parameters, d_gradients):
        parameter.grad = gradient
    for parameter, gradient in zip(generator.parameters(), g_gradients):
        parameter.grad = gradient
    of_discriminator.step()
    of_generator.step()
    return d_loss.item(), g_loss.item()


turns.take(turns.one_by_one(step), warm_up=10)
