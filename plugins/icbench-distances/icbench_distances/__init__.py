"""Image distances for icbench, registered through the hook that any plugin uses."""

from collections.abc import Iterator
from dataclasses import replace

from icbench import Component, Param, hookimpl

ZERO = ("zero-at-equality",)
SQUARES = ("zero-at-equality", "least-squares")

K1 = Param("k1", 0.01, "stabilises the comparison of luminance", low=0.001, high=1.0)
K2 = Param("k2", 0.03, "stabilises the comparison of contrast and structure", low=0.001, high=1.0)
WINDOW = Param("sigma", 1.5, "standard deviation of the window, in pixels", low=0.5, high=5.0)


@hookimpl
def icbench_distances() -> Iterator[Component]:
    yield from _pixelwise()
    yield from _linear()
    yield from _deforming()
    yield from _structural()


def _pixelwise() -> Iterator[Component]:
    yield Component("l1", "icbench_distances.pixelwise:L1", "mean absolute difference", traits=ZERO)
    yield Component(
        "huber",
        "icbench_distances.pixelwise:Huber",
        "Huber's loss: squared for small differences, linear for large ones",
        params=(Param("delta", 0.2, "the difference at which it turns linear", low=0.001, high=1.0),),
        traits=ZERO,
    )
    yield Component(
        "bernoulli",
        "icbench_distances.pixelwise:Bernoulli",
        "cross entropy of Bernoulli pixels",
        params=(Param("flip", 0.01, "probability that a pixel is flipped", low=0.0001, high=0.4),),
    )


def _linear() -> Iterator[Component]:
    yield Component(
        "gradient", "icbench_distances.linear:Gradient", "mean squared difference of the Sobel slopes", traits=SQUARES
    )
    yield Component(
        "blur",
        "icbench_distances.linear:Blur",
        "mean squared error on several scales of Gaussian blur",
        params=(
            Param(
                "sigma", 1.0, "standard deviation of the first blur, in pixels; doubled per level", low=0.3, high=10.0
            ),
            Param("levels", 2, "number of blurred copies besides the image itself", low=0, high=6),
            Param("growth", 1.0, "weight of a scale relative to the next finer one", low=0.01, high=100.0),
        ),
        traits=SQUARES,
    )
    yield Component(
        "imed",
        "icbench_distances.linear:IMED",
        "image Euclidean distance: squared error with neighbouring pixels coupled",
        params=(Param("sigma", 1.0, "reach of the coupling, in pixels", low=0.1, high=10.0),),
        traits=SQUARES,
    )


def _deforming() -> Iterator[Component]:
    yield Component(
        "tangent",
        "icbench_distances.tangent:Tangent",
        "one-sided tangent distance: small transformations of the target are free",
        params=(
            Param("sigma", 1.0, "standard deviation of the smoothing of both images, in pixels", low=0.4, high=5.0),
            Param("spring", 0.0, "resistance against transforming; 0 is none", low=0.0, high=1e6),
        ),
        traits=SQUARES,
    )
    warp = Param("warp", 2, "how many pixels away a match may be", low=0, high=5)
    context = Param("context", 1, "radius of the square of slopes that is compared", low=0, high=4)
    yield Component(
        "idm",
        "icbench_distances.distortion:IDM",
        "image distortion model: each pixel is matched nearby by the slopes around it",
        params=(warp, context),
        traits=SQUARES,
    )
    yield Component(
        "mse-idm",
        "icbench_distances.distortion:MSEThenIDM",
        "mse at every step; idm is added where the class is read",
        params=(
            warp,
            replace(context, default=2),
            Param("weight", 10.0, "weight of idm where the class is read, beside the mse's 1", low=0.0, high=1e6),
        ),
        traits=SQUARES,
    )


def _structural() -> Iterator[Component]:
    yield Component(
        "ssim",
        "icbench_distances.structural:SSIM",
        "1 - structural similarity",
        params=(WINDOW, K1, K2),
        traits=ZERO,
    )
    yield Component(
        "ms-ssim",
        "icbench_distances.structural:MultiScaleSSIM",
        "1 - multi-scale structural similarity",
        params=(Param("scales", 3, "number of scales, each half the size of the last", low=1, high=5), WINDOW, K1, K2),
        traits=ZERO,
    )
    yield Component(
        "sliced-wasserstein",
        "icbench_distances.transport:SlicedWasserstein",
        "how far white has to be moved, in mean over projections",
        params=(
            Param("projections", 16, "number of directions", low=1, high=256),
            Param("mass_weight", 0.1, "weight of the difference in mean grey level", low=0.0, high=1e6),
            Param("seed", 0, "seed of the directions", low=0),
        ),
        traits=ZERO,
    )
