"""Products of experts: class decoders for most images, and deformed training images where these are in doubt."""

from dataclasses import replace
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
VAE_FAST = replace(VAE, schedule="exhaustive:start=encoder,noise_rate=3,prior_weight=0.0015,calibrate=true", steps=2)
WARPED = Member(
    "warped-vae",
    generator="warped-vae",
    schedule="exhaustive:start=encoder,noise_rate=2,prior_weight=0.01375,calibrate=true",
    steps=20,
    sure=0.985,
    classes=3,
)
"""The prior weighs each number of the noise as in `VAE`: the weight is of their mean, and there are 110 for 12."""
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
    sure=0.97,
    classes=3,
)
"""The nearest training images of a class, matched pixel by pixel. Of 10,000 validation images the class VAEs leave 18 %
open, which hold 86 of their 89 errors."""
FEW_EXEMPLARS = replace(
    EXEMPLARS,
    distance="idm",
    schedule="exhaustive:start=encoder,restarts=30,noise_rate=0,prior_weight=0",
    form="log",
    sure=0.9,
    classes=2,
)
DENOISER = Member(
    "denoiser",
    generator="denoiser",
    schedule="exhaustive:start=encoder,noise_rate=0,prior_weight=0,calibrate=true",
    steps=0,
    sure=0.97,
    classes=3,
)
# Once images are warped so few are left open that more of them can be asked about.
SURE_EXEMPLARS = replace(EXEMPLARS, sure=WARPED.sure)
SURE_DENOISER = replace(DENOISER, sure=WARPED.sure)
VAE_AT_CODES = replace(
    VAE, schedule="exhaustive:start=encoder,noise_rate=0,prior_weight=0.0015,calibrate=true", steps=0
)
"""Where the class VAEs' encoders put an image; the noise rests."""
PLAIN_VAE_AT_CODES = replace(VAE, schedule="exhaustive:start=encoder,noise_rate=0,prior_weight=0.00024", steps=0)
"""The same without residual scales, which cost accuracy on clothes; the prior has the weight of their training."""
NEAR_EXEMPLARS = replace(
    EXEMPLARS,
    distance="idm",
    schedule="exhaustive:start=encoder,restarts=50,noise_rate=0,prior_weight=0,softness=0.0002",
)
"""Half as many, compared by less of their surroundings: chosen on clothes, where more of both is no better."""


def vae_deformable(fit: str = "", trained_on: str = "") -> Product:
    """Class VAEs, and where they are in doubt deformed training images."""
    return load_product("vae-deformable", (VAE, EXEMPLARS), FOLDER, fit, trained_on)


def vae_deformable_fast(fit: str = "", trained_on: str = "") -> Product:
    """The same with few steps and few exemplars."""
    return load_product("vae-deformable-fast", (VAE_FAST, FEW_EXEMPLARS), FOLDER, fit, trained_on)


def vae_deformable_denoiser(fit: str = "", trained_on: str = "") -> Product:
    """Class VAEs, deformed training images where these are in doubt, and a denoiser where both are."""
    return load_product("vae-deformable-denoiser", (VAE, EXEMPLARS, DENOISER), FOLDER, fit, trained_on)


def vae_warped(fit: str = "", trained_on: str = "") -> Product:
    """Class VAEs in two steps, and where these are in doubt the same with their images warped."""
    return load_product("vae-warped", (VAE_FAST, WARPED), FOLDER, fit, trained_on)


def vae_warped_deformable(fit: str = "", trained_on: str = "") -> Product:
    """Class VAEs, their warped images, and deformed training images where both are in doubt."""
    return load_product("vae-warped-deformable", (VAE_FAST, WARPED, SURE_EXEMPLARS), FOLDER, fit, trained_on)


def vae_warped_deformable_denoiser(fit: str = "", trained_on: str = "") -> Product:
    """The same, and a denoiser where all of them are in doubt."""
    members = (VAE_FAST, WARPED, SURE_EXEMPLARS, SURE_DENOISER)
    return load_product("vae-warped-deformable-denoiser", members, FOLDER, fit, trained_on)


def vae_denoiser(fit: str = "", trained_on: str = "") -> Product:
    """Class VAEs at their encoders' codes, and a denoiser: of no member does the noise move."""
    return load_product("vae-denoiser", (VAE_AT_CODES, DENOISER), FOLDER, fit, trained_on)


def codes_deformable(fit: str = "", trained_on: str = "") -> Product:
    """Class VAEs at their encoders' codes, and training images. Nothing makes a step."""
    return load_product("codes-deformable", (PLAIN_VAE_AT_CODES, NEAR_EXEMPLARS), FOLDER, fit, trained_on)


def contrastive_deformable(fit: str = "", trained_on: str = "") -> Product:
    """Class decoders that were trained to tell classes apart, and deformed training images."""
    return load_product("contrastive-deformable", (CONTRASTIVE, EXEMPLARS), FOLDER, fit, trained_on)
