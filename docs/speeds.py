"""Tables of speed, made from a result of `pytest benchmarks`; `docs/tables.py` writes them."""

import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).resolve().parent.parent / "benchmarks/results/cpu-amd-epyc-2-cores.json"
LOOPS = {
    "test_posts_loop": "the post's: four images at a time, gradients of the weights as well",
    "test_todays_loop": "what one would write today: batches of 256, torch's Adam, frozen weights, float32",
    "test_todays_loop_compiled": "the same through `torch.compile`",
    "test_todays_loop_keeping_memory": "the same with icbench's setting of the memory allocator",
    "test_icbench[float32]": "icbench, float32",
    "test_icbench[bfloat16]": "icbench, bfloat16, its choice on this machine",
}
GENERATORS = ("cgan", "contrastive", "class-vae", "cvae", "lstm", "prototype:types=300")
LIMITS = {"dense": "fully connected", "cgan": "built-in cGAN"}
PRECISIONS = ("float32", "bfloat16")


def pipes(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown without a title."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def measured() -> dict[str, dict[str, Any]]:
    """What is known of each benchmark besides its times, by name."""
    document = json.loads(MEASURED.read_text())
    return {result["name"]: result["extra_info"] for result in document["benchmarks"]}


def loops() -> str:
    """How fast the loops are, in short."""
    rows = [
        [called, *_speed(name, extra, ranges=False), _other_classes(name, extra)] for name, called, extra in _loops()
    ]
    return pipes(["loop", "images/s", "to the post's", "to today's", "other classes than today's"], rows)


def loops_in_full() -> str:
    """How fast the loops are, with the least and the greatest ratio of the rounds and the share of the limit."""
    rows = [
        [called, *_speed(name, extra, ranges=True), _percent(extra["share_of_roofline"]), _other_classes(name, extra)]
        for name, called, extra in _loops()
    ]
    return pipes(["loop", "images/s", "to the post's", "to today's", "of the limit", "other classes"], rows)


def _loops() -> list[tuple[str, str, dict[str, Any]]]:
    found = measured()
    return [(name, called, found[name]) for name, called in LOOPS.items()]


def _speed(name: str, extra: dict[str, Any], ranges: bool) -> list[str]:
    speed = extra["images_per_second"]
    told = [f"{speed:,.0f}" if speed >= 100 else f"{speed:.1f}"]
    for other in ("posts", "todays"):
        ratios = extra[f"to_{other}_loop"]
        spread = f" ({min(ratios):.1f} to {max(ratios):.1f})" if ranges else ""
        told.append("1" if name == f"test_{other}_loop" else f"{statistics.median(ratios):.1f}{spread}")
    return told


def _other_classes(name: str, extra: dict[str, Any]) -> str:
    return "" if name == "test_todays_loop" else f"{100 * (1 - extra['same_class']):.1f} %"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def limits() -> str:
    """How near a step is to the machine's rates."""
    found, rows = measured(), []
    for name, called in LIMITS.items():
        for precision in PRECISIONS:
            extra = found[f"test_limit[{name}-{precision}]"]
            work = f"{extra['flops'] / 1e9:.1f} GFLOP, {extra['bytes'] / 1e9:.2f} GB"
            share = f"{_percent(extra['share_of_product_rate'])} of {extra['product_rate'] / 1e9:,.0f} GFLOP/s"
            rows.append([f"{called}, {precision}", work, share, extra["limited_by"]])
    return pipes(["a step of 512 rows", "work", "share of the measured product rate", "limited by"], rows)


def generators() -> str:
    """How fast steps of the generators are, relative to the built-in one in float32."""
    found, rows = measured(), []
    for name in GENERATORS:
        ratios, near = [], []
        for size in (500, 2000):
            base = found[f"test_generator[{GENERATORS[0]}-float32-{size}]"]["hypothesis_steps_per_second"]
            for precision in PRECISIONS:
                extra = found[f"test_generator[{name}-{precision}-{size}]"]
                ratio = extra["hypothesis_steps_per_second"] / base
                ratios.append("1" if ratio == 1 else f"{ratio:.2f}")
                near += [f"{_percent(extra['share_of_roofline'])} {extra['limited_by']}"] if size == 2000 else []
        # The schedule of prototypes with several types is another one.
        rows.append([f"`{name}`" + (" (`relaxed`)" if ":" in name else ""), *ratios, *near])
    head = ["generator", "500, float32", "bfloat16", "2,000, float32", "bfloat16", "of the limit, float32", "bfloat16"]
    return pipes(head, rows)


MADE: dict[str, Callable[[], str]] = {
    "loops": loops,
    "loops-in-full": loops_in_full,
    "limits": limits,
    "generators": generators,
}
"""What makes the table of each name."""
