"""The product of experts that comes with icbench: two conditional GANs, each the other's second opinion."""

from pathlib import Path

from icbench.kinds.product import Member, Product
from icbench.running.fits import load_product

FOLDER = Path(__file__).parent

FIRST = Member("noise 10", generator="cgan", schedule="halving")
SECOND = Member("noise 25", generator="cgan:noise_dim=25", schedule="exhaustive", sure=0.95, classes=2)


def cgan_pair(fit: str = "", trained_on: str = "") -> Product:
    """The cGAN with 10 noises, and where it is in doubt about its best two classes the one with 25."""
    return load_product("cgan-pair", (FIRST, SECOND), FOLDER, fit, trained_on)
