"""Trains gand's networks in PyTorch, by torch.nn, autograd and torch.optim: steps.py INPUTS.json > RESULTS.json.

The inputs are runs by name, each with its spec, the weights at the start by the names of a checkpoint, and for every
step what is random in it: examples, latents and dropout masks. The results are each run's losses and its weights at the
end. Written by tests/it/gan/pytorch.rs, which compares.
"""
import json
import sys

import torch
from torch.nn import functional as F

torch.set_num_threads(1)

ACTIVATIONS = {
    "relu": F.relu,
    "leaky_relu": lambda a: F.leaky_relu(a, 0.2),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "linear": lambda a: a,
}


class Network:
    """Layers as a spec lists them; points lie row by row, channels last."""

    def __init__(self, layers, sides, prefix, start):
        self.layers, self.sides = layers, sides
        tensors = {name[len(prefix) + 1 :]: tensor for name, tensor in start.items() if name.startswith(prefix + ".")}
        self.tensors = {name: torch.tensor(tensor["values"]).reshape(tensor["shape"]) for name, tensor in tensors.items()}
        self.trained = [tensor for name, tensor in self.tensors.items() if "running" not in name]
        for tensor in self.trained:
            tensor.requires_grad_(True)

    def forward(self, x, masks, keeps_statistics=False):
        """G of latents, or D's logits; `masks` is one for the input and one for each layer's output, or nothing."""
        sides = self.sides
        x = x * masks[0] if masks and masks[0] is not None else x
        for index, layer in enumerate(self.layers):
            x, sides = self.layer(index, layer, x, layer.get("input_shape") or sides, keeps_statistics)
            if masks and masks[index + 1] is not None:
                x = x * masks[index + 1]
        return x

    def layer(self, index, layer, x, sides, keeps_statistics):
        weight, bias = self.tensors[f"{index}.weight"], self.tensors.get(f"{index}.bias")
        rows, kind = len(x), layer["type"]
        if kind in ("linear", "maxout"):
            a = F.linear(x, weight)
        else:
            picture = x.reshape(rows, *sides).permute(0, 3, 1, 2)
            if kind == "conv_transpose2d":
                a = F.conv_transpose2d(picture, weight, stride=layer["stride"], padding=layer["padding"])
            else:
                a = F.conv2d(picture, weight, stride=layer.get("stride", 1), padding=layer["padding"])
            a = a.permute(0, 2, 3, 1)
        if layer.get("batch_norm"):
            shape = a.shape
            names = ["running_mean", "running_var", "weight", "bias"]
            mean, variance, scale, shift = (self.tensors[f"{index}.norm.{name}"] for name in names)
            if not keeps_statistics:
                mean, variance = mean.clone(), variance.clone()
            a = F.batch_norm(a.reshape(-1, shape[-1]), mean, variance, scale, shift, True, 0.1, 1e-5).reshape(shape)
        else:
            a = a + bias
        if kind in ("maxout", "conv_maxout"):
            a = a.reshape(*a.shape[:-1], -1, layer["pieces"]).max(-1).values
        else:
            a = ACTIVATIONS[layer["activation"]](a)
        if kind == "conv_maxout":
            pooled = F.max_pool2d(a.permute(0, 3, 1, 2), layer["pool"], layer["pool_stride"], ceil_mode=True)
            a = pooled.permute(0, 2, 3, 1)
        sides = list(a.shape[1:]) if a.dim() == 4 else [1, 1, a.shape[1]]
        return a.reshape(rows, -1), sides


def train(run):
    model, training = run["spec"]["model"], run["spec"]["training"]
    output = {**model["generator"]["output_layer"], "activation": model["generator"]["output"]}
    of_generator = model["generator"]["layers"] + [output]
    of_discriminator = model["discriminator"]["layers"] + [{"type": "linear", "activation": "linear"}]
    generator = Network(of_generator, [1, 1, model["latent"]["dim"]], "generator", run["start"])
    discriminator = Network(of_discriminator, run["sides"], "discriminator", run["start"])
    rule = training["optimizer"]

    def optimizer(network):
        if rule["type"] == "sgd":
            return torch.optim.SGD(network.trained, lr=rule["learning_rate"], momentum=rule["momentum"]["start"])
        betas = (rule["beta1"], rule["beta2"])
        return torch.optim.Adam(network.trained, lr=rule["learning_rate"], betas=betas, eps=rule["epsilon"])

    def descend(player, network, gradients):
        for tensor, gradient in zip(network.trained, gradients):
            tensor.grad = gradient
        player.step()

    of_d, of_g = optimizer(discriminator), optimizer(generator)
    batch, simultaneous = training["batch_size"], training["update"] == "simultaneous"
    losses = []
    for step in run["steps"]:
        real, latents = torch.tensor(step["real"]).reshape(batch, -1), torch.tensor(step["latents"]).reshape(batch, -1)
        masks = [mask and torch.tensor(mask).reshape(2 * batch, -1) for mask in step["masks"]]
        fake = generator.forward(latents, None, simultaneous)
        logits = discriminator.forward(torch.cat([real, fake]), masks)
        labels = torch.full((batch, 1), training["real_label"])
        of_real = F.binary_cross_entropy_with_logits(logits[:batch], labels)
        d_loss = 0.5 * (of_real + F.softplus(logits[batch:]).mean())
        d_gradients = torch.autograd.grad(d_loss, discriminator.trained, retain_graph=True)
        if simultaneous:
            g_loss = F.softplus(-logits[batch:]).mean()
            g_gradients = torch.autograd.grad(g_loss, generator.trained)
            descend(of_d, discriminator, d_gradients)
        else:
            descend(of_d, discriminator, d_gradients)
            latents = torch.tensor(step["latents_of_generator"]).reshape(batch, -1)
            masks = [mask and torch.tensor(mask).reshape(batch, -1) for mask in step["masks_of_generator"]]
            logits = discriminator.forward(generator.forward(latents, None, True), masks)
            g_loss = F.softplus(-logits).mean()
            g_gradients = torch.autograd.grad(g_loss, generator.trained)
        descend(of_g, generator, g_gradients)
        losses.append([d_loss.item(), g_loss.item()])
    weights = {
        f"{player}.{name}": [float(f"{value:.7g}") for value in tensor.detach().flatten().tolist()]
        for player, network in [("generator", generator), ("discriminator", discriminator)]
        for name, tensor in network.tensors.items()
    }
    return {"losses": losses, "weights": weights}


with open(sys.argv[1]) as file:
    runs = json.load(file)
results = {"torch": torch.__version__, "runs": {name: train(run) for name, run in runs.items()}}
json.dump(results, sys.stdout, separators=(",", ":"))
print()
