"""The paper's MNIST networks in JAX, the whole step compiled into one function with its buffers donated.

Reads "run N" lines, answers with the seconds that N steps took. Arguments: update optimizer threads.
"""
import os
import sys

update, optimizer, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=" + ("true" if threads > 1 else "false")
if threads == 1:
    os.sched_setaffinity(0, {0})

import jax
import jax.numpy as jnp
import numpy as np

import turns

BATCH = 100
SIZES_G = [(100, 1200), (1200, 1200), (1200, 784)]
SIZES_D = [(784, 1200), (240, 1200), (240, 1)]


def init(key, sizes, span):
    keys = jax.random.split(key, len(sizes))
    return [(jax.random.uniform(k, s, minval=-span, maxval=span), jnp.zeros(s[1])) for k, s in zip(keys, sizes)]


def generate(g, z):
    for w, b in g[:-1]:
        z = jax.nn.relu(z @ w + b)
    w, b = g[-1]
    return jax.nn.sigmoid(z @ w + b)


def drop(key, x, p):
    return jnp.where(jax.random.bernoulli(key, 1 - p, x.shape), x / (1 - p), 0.0)


def judge(d, x, key):
    keys = jax.random.split(key, 3)
    for index, (w, b) in enumerate(d[:-1]):
        x = drop(keys[index], x, 0.2 if index == 0 else 0.5)
        x = (x @ w + b).reshape(x.shape[0], 5, 240).max(1)
    w, b = d[-1]
    return drop(keys[2], x, 0.5) @ w + b


def d_loss_of(logits):
    return 0.5 * (jax.nn.softplus(-logits[:BATCH]).mean() + jax.nn.softplus(logits[BATCH:]).mean())


def latents(key):
    return jax.random.uniform(key, (BATCH, 100), minval=-(3**0.5), maxval=3**0.5)


def apply(params, state, grads, count):
    if optimizer == "sgd":
        state = jax.tree.map(lambda v, g: 0.5 * v - 0.1 * g, state, grads)
        return jax.tree.map(lambda p, v: p + v, params, state), state
    first, second = state
    first = jax.tree.map(lambda m, g: 0.5 * m + 0.5 * g, first, grads)
    second = jax.tree.map(lambda m, g: 0.999 * m + 0.001 * g * g, second, grads)
    a, b = 1 - 0.5**count, 1 - 0.999**count
    move = lambda p, m, v: p - 2e-4 * (m / a) / (jnp.sqrt(v / b) + 1e-8)
    return jax.tree.map(move, params, first, second), (first, second)


def alternating(carry, real):
    g, d, sg, sd, key, count = carry
    key, k1, k2, k3, k4 = jax.random.split(key, 5)
    fake = generate(g, latents(k1))
    d_loss, grads = jax.value_and_grad(lambda d: d_loss_of(judge(d, jnp.concatenate([real, fake]), k2)))(d)
    d, sd = apply(d, sd, grads, count)
    g_loss, grads = jax.value_and_grad(lambda g: jax.nn.softplus(-judge(d, generate(g, latents(k3)), k4)).mean())(g)
    g, sg = apply(g, sg, grads, count)
    return (g, d, sg, sd, key, count + 1), (d_loss, g_loss)


def simultaneous(carry, real):
    g, d, sg, sd, key, count = carry
    key, k1, k2 = jax.random.split(key, 3)
    z = latents(k1)
    logits, back = jax.vjp(lambda g, d: judge(d, jnp.concatenate([real, generate(g, z)]), k2), g, d)
    d_loss, d_logits = jax.value_and_grad(d_loss_of)(logits)
    g_loss, g_logits = jax.value_and_grad(lambda logits: jax.nn.softplus(-logits[BATCH:]).mean())(logits)
    d_grads = back(d_logits)[1]
    g_grads = back(g_logits)[0]
    d, sd = apply(d, sd, d_grads, count)
    g, sg = apply(g, sg, g_grads, count)
    return (g, d, sg, sd, key, count + 1), (d_loss, g_loss)


key = jax.random.PRNGKey(0)
g, d = init(key, SIZES_G, 0.05), init(key, SIZES_D, 0.005)
zeros = lambda params: jax.tree.map(jnp.zeros_like, params)
state = (lambda p: zeros(p)) if optimizer == "sgd" else (lambda p: (zeros(p), zeros(p)))
carry = (g, d, state(g), state(d), key, jnp.float32(1))
step = jax.jit(alternating if update == "alternating" else simultaneous, donate_argnums=0)
data = np.random.rand(5000, 784).astype(np.float32)
order, position = np.random.permutation(5000), 0


def run(count):
    global carry, position
    for _ in range(count):
        if position + BATCH > 5000:
            position = 0
        real = data[order[position : position + BATCH]]
        position += BATCH
        carry, losses = step(carry, real)
        float(losses[0]), float(losses[1])


turns.take(run, warm_up=10)
