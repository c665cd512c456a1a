"""How fast a step could be: its work counted by hooks, and the machine's rates measured."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from icbench.compute import onednn
from icbench.compute.probe import onednn_pays
from icbench.engine.decode import generate
from icbench.engine.settings import Components, Settings

PRODUCT, COPY = 2048, 2**26
"""The side of the measured matrix product, and the bytes of the measured copy, which no cache holds."""
REPEATS = 7
VIEWS = {"view", "t", "transpose", "expand", "permute", "unsqueeze", "squeeze", "detach", "alias"}
VIEWS |= {"as_strided", "_unsafe_view"}


@dataclass(frozen=True)
class Work:
    """What one step of an inversion does.

    Args:
        flops: of its matrix products and convolutions, forward and backward.
        bytes: that its operators read and write, were nothing kept in a cache between two of them.
    """

    flops: int
    bytes: int


@dataclass(frozen=True)
class Rates:
    """What a machine reaches: of large matrix products a second, and of bytes copied (read and written) a second."""

    flops: float
    bytes: float


class _Traffic(TorchDispatchMode):
    """Adds up the bytes of what every operator takes and gives."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ not in VIEWS:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
            self.bytes += sum(tensor.nbytes for tensor in tensors)
        return result


def compare_with_limits(components: Components, rows: int, settings: Settings, seconds: float) -> dict[str, Any]:
    """How near a step of so many hypotheses is to the machine's limit, as it is kept with a benchmark.

    Args:
        components: the four components; the generator frozen on `settings.device`.
        rows: the hypotheses.
        settings: their device and precision.
        seconds: what the step took.
    """
    work, rates = count_work(components, rows, settings), measure_rates(settings.device, settings.precision)
    products, traffic = work.flops / rates.flops, work.bytes / rates.bytes
    return {
        "flops": work.flops,
        "bytes": work.bytes,
        "product_rate": rates.flops,
        "copy_rate": rates.bytes,
        "share_of_product_rate": products / seconds,
        "share_of_roofline": max(products, traffic) / seconds,
        "limited_by": "products" if products > traffic else "bytes",
    }


def count_work(components: Components, rows: int, settings: Settings) -> Work:
    """The work of a step: the images of `rows` hypotheses, their distances, and the gradients of what moves."""
    generator, device = components.generator, settings.device
    features = components.distance.features(torch.rand(rows, *generator.image_shape, device=device))
    starts = components.schedule.hypotheses(generator.class_dim).class_vector.to(device)
    rates = [components.schedule.rates(step, settings.steps) for step in range(settings.steps)]

    def step() -> None:
        class_vector = starts.repeat(-(-rows // len(starts)), 1)[:rows]
        class_vector.requires_grad_(any(rate.class_vector for rate in rates))
        noise = torch.randn(rows, generator.noise_dim, device=device)
        noise.requires_grad_(any(rate.noise for rate in rates))
        images = generate(generator, class_vector, noise, settings.precision)
        components.distance.compare(images, features).sum().backward()

    with FlopCounterMode(display=False, custom_mapping={torch.ops.mkldnn._linear_pointwise: _product_flops}) as flops:
        step()
    with _Traffic() as traffic:
        step()
    return Work(flops.get_total_flops(), traffic.bytes)


def _product_flops(rows: torch.Size, weight: torch.Size, *rest: Any, **more: Any) -> int:
    """Of a product that torch's counter does not know, from the shapes of its factors."""
    return 2 * rows.numel() * weight[0]


def measure_rates(device: torch.device, precision: torch.dtype) -> Rates:
    """The machine's rates, medians of a few timings; of products by the fastest library that icbench knows here."""
    left, right = (torch.randn(PRODUCT, PRODUCT, device=device, dtype=precision) for _ in range(2))
    source = torch.empty(COPY, dtype=torch.uint8, device=device).random_()
    sink = torch.empty_like(source)
    products: list[Callable[[], Tensor]] = [lambda: torch.mm(left, right)]
    if device.type == "cpu" and onednn_pays(precision):
        packed = onednn.pack(right)
        products.append(lambda: onednn.product(left, packed))
    product = min(_seconds(product, device) for product in products)
    copy = _seconds(lambda: sink.copy_(source), device)
    return Rates(2 * PRODUCT**3 / product, 2 * COPY / copy)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    times = []
    for _ in range(REPEATS + 2):
        _wait(device)
        started = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - started)
    return sorted(times[2:])[REPEATS // 2]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
