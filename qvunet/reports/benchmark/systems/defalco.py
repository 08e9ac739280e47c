"""A classical training step of De Falco et al.'s network, in JAX and Flax.

Source: NesyaLab/Quantum-Hybrid-Diffusion-Models.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

NUM_TIMESTEPS = 1000


def build(*, directory: str, rows: int) -> Callable[[], Sequence[Any]]:
    """Noise, P2-weighted loss, gradient and Adam around the network of the checkout at `directory`.

    Its own train.py needs TensorFlow and a wandb account. It also evaluates the loss of the EMA weights
    in every step; that is left out, in its favour.
    """
    sys.path.insert(0, directory)
    net = importlib.import_module("unet").UNet(dim=10, out_dim=1, dim_mults=(1, 2, 3, 4))
    optimizer = optax.adam(1e-3, b1=0.9, b2=0.99)
    ts = (jnp.arange(NUM_TIMESTEPS + 1) / NUM_TIMESTEPS + 0.008) / 1.008
    alphas_bar = (jnp.cos(ts * jnp.pi / 2) ** 2)[1:]
    loss_weights = 1 - alphas_bar  # P2 with gamma = k = 1
    images = jax.random.uniform(jax.random.key(0), (rows, 28, 28, 1), minval=-1, maxval=1)

    def loss_of(params: Any, key: Any) -> Any:
        noise_key, timestep_key = jax.random.split(key)
        noise = jax.random.normal(noise_key, images.shape)
        timesteps = jax.random.randint(timestep_key, (rows,), 0, NUM_TIMESTEPS)
        signal = alphas_bar[timesteps, None, None, None]
        noisy = jnp.sqrt(signal) * images + jnp.sqrt(1 - signal) * noise
        errors = (net.apply({"params": params}, noisy, timesteps) - noise) ** 2
        return (errors.mean(axis=(1, 2, 3)) * loss_weights[timesteps]).mean()

    @jax.jit
    def step(params: Any, state: Any, key: Any) -> Any:
        key, used = jax.random.split(key)
        loss, gradient = jax.value_and_grad(loss_of)(params, used)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), state, key, loss

    params = jax.jit(net.init)(jax.random.key(1), images[:1], jnp.ones(1))["params"]
    training = [params, optimizer.init(params), jax.random.key(2)]

    def call() -> Sequence[Any]:
        *training[:], loss = jax.block_until_ready(step(*training))
        return [loss]

    return call
