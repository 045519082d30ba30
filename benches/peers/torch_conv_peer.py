"""The paper's convolutional networks for CIFAR-10 in PyTorch, the way a careful user would write them.

Reads "run N" lines, answers with the seconds that N steps took. Arguments: update optimizer threads eager|compiled
nchw|nhwc. Best settings found: fused optimisers, maxout as the larger of two halves, all data in memory.
Simultaneous updates from one draw of latents and one mask, SGD with momentum: one forward pass, each player's gradient in
its own weights.
"""
import sys

import torch
from torch import nn
from torch.nn import functional as F

import turns

update, optimizer, threads, mode, layout = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
assert (update, optimizer) == ("simultaneous", "sgd"), "the published recipe alone"
torch.set_num_threads(threads)
torch.manual_seed(0)
BATCH = 128
memory = torch.channels_last if layout == "nhwc" else torch.contiguous_format


class Maxout(nn.Module):
    def __init__(self, inputs, units, pieces):
        super().__init__()
        self.linear, self.units, self.pieces = nn.Linear(inputs, units * pieces), units, pieces

    def forward(self, x):
        return self.linear(x).view(-1, self.units, self.pieces).amax(2)


class ConvMaxout(nn.Module):
    """Pieces side by side, so that the maximum is of two halves."""

    def __init__(self, inputs, units, kernel, padding, pool):
        super().__init__()
        self.conv, self.units, self.pool = nn.Conv2d(inputs, 2 * units, kernel, padding=padding), units, pool

    def forward(self, x):
        a = self.conv(x)
        a = torch.maximum(a[:, : self.units], a[:, self.units :])
        return F.max_pool2d(a, self.pool, 2, ceil_mode=True)


class Untied(nn.Module):
    def __init__(self):
        super().__init__()
        self.deconv = nn.ConvTranspose2d(80, 3, 5, stride=3, bias=False)
        self.bias = nn.Parameter(torch.zeros(3, 32, 32))

    def forward(self, x):
        return self.deconv(x.view(-1, 80, 10, 10).contiguous(memory_format=memory)) + self.bias


generator = nn.Sequential(nn.Linear(100, 8000), nn.ReLU(), nn.Linear(8000, 8000), nn.Sigmoid(), Untied())
discriminator = nn.Sequential(
    nn.Dropout(0.2),
    ConvMaxout(3, 32, 8, 4, 4),
    nn.Dropout(0.5),
    ConvMaxout(32, 32, 8, 3, 4),
    nn.Dropout(0.5),
    ConvMaxout(32, 192, 5, 3, 2),
    nn.Dropout(0.5),
    nn.Flatten(),
    Maxout(4800, 500, 5),
    nn.Dropout(0.5),
    nn.Linear(500, 1),
)
for net, span in [(generator, 0.05), (discriminator, 0.005)]:
    for parameter in net.parameters():
        nn.init.uniform_(parameter, -span, span) if parameter.dim() > 1 else nn.init.zeros_(parameter)
generator.to(memory_format=memory)
discriminator.to(memory_format=memory)
d_parameters, g_parameters = list(discriminator.parameters()), list(generator.parameters())
of_discriminator = torch.optim.SGD(d_parameters, lr=0.004, momentum=0.5, fused=True)
of_generator = torch.optim.SGD(g_parameters, lr=0.004, momentum=0.5, fused=True)
data = torch.rand(1000, 3, 32, 32).contiguous(memory_format=memory)


def forward(real, z):
    fake = generator(z)
    logits = discriminator(torch.cat([real, fake]))
    d_loss = 0.5 * (F.softplus(-logits[:BATCH]).mean() + F.softplus(logits[BATCH:]).mean())
    return d_loss, F.softplus(-logits[BATCH:]).mean()


if mode == "compiled":
    forward = torch.compile(forward)


def step():
    d_loss, g_loss = forward(data[torch.randint(0, 1000, (BATCH,))], torch.randn(BATCH, 100))
    d_gradients = torch.autograd.grad(d_loss, d_parameters, retain_graph=True)
    g_gradients = torch.autograd.grad(g_loss, g_parameters)
    for parameter, gradient in zip(d_parameters, d_gradients):
        parameter.grad = gradient
    for parameter, gradient in zip(g_parameters, g_gradients):
        parameter.grad = gradient
    of_discriminator.step()
    of_generator.step()
    return d_loss.item(), g_loss.item()


turns.take(turns.one_by_one(step), warm_up=3)
