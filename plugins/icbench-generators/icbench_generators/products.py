"""Products of experts: class decoders for most images, and another family of generators where these are in doubt."""

from pathlib import Path

from icbench.kinds.product import Member, Product
from icbench.running.fits import load_product

FOLDER = Path(__file__).parent / "fits"

VAE = Member(
    "class-vae",
    generator="class-vae",
    schedule="exhaustive:start=encoder,noise_rate=2,prior_weight=0.0015,calibrate=true",
    steps=20,
)
"""The best class VAEs that are read by their energies alone."""
CONTRASTIVE = Member(
    "contrastive",
    generator="contrastive",
    schedule="exhaustive:start=encoder,noise_rate=2,prior_weight=0.0015",
    steps=2,
)
EXEMPLARS = Member(
    "deformable",
    generator="deformable",
    distance="idm:warp=3,context=2",
    schedule="exhaustive:start=encoder,restarts=100,noise_rate=0,prior_weight=0,softness=0.0002",
    steps=0,
    sure=0.999,
    classes=3,
)
"""The training images of a class that are nearest, matched pixel by pixel."""


def vae_deformable(fit: str = "", trained_on: str = "") -> Product:
    """Class VAEs, and deformed training images where these are in doubt."""
    return load_product("vae-deformable", (VAE, EXEMPLARS), FOLDER, fit, trained_on)


def contrastive_vae(fit: str = "", trained_on: str = "") -> Product:
    """Class decoders that were trained to tell classes apart, and class VAEs."""
    return load_product("contrastive-vae", (CONTRASTIVE, VAE), FOLDER, fit, trained_on)
