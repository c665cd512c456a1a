"""Print the ratios that the documentation quotes, from one result of `pytest benchmarks --benchmark-json FILE`.

python benchmarks/report.py FILE
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

PRECISIONS = ("float32", "bfloat16")


def rate(result: dict[str, Any]) -> float:
    """Images or hypothesis steps a second where those are timed, else rounds a second."""
    extra = result["extra_info"]
    known = extra.get("images_per_second") or extra.get("hypothesis_steps_per_second")
    return float(known or 1 / result["stats"]["median"])


def remarks(result: dict[str, Any]) -> str:
    """What else a row has to say: how often its class is another, and how near it is to the machine's limit."""
    extra, told = result["extra_info"], []
    if "same_class" in extra:
        told += [
            f"{extra['images_per_second']:,.1f} images/s",
            f"{100 * (1 - extra['same_class']):.1f} % other classes",
        ]
        told += [
            f"{format_range(extra['to_posts_loop'])} the post's loop",
            f"{format_range(extra['to_todays_loop'])} today's",
        ]
    if "share_of_roofline" in extra:
        told += [
            f"{100 * extra['share_of_product_rate']:.0f} % of {extra['product_rate'] / 1e9:,.0f} GFLOP/s",
            f"{100 * extra['share_of_roofline']:.0f} % of the limit that {extra['limited_by']} set "
            f"({extra['flops'] / 1e9:.1f} GFLOP, {extra['bytes'] / 1e9:.2f} GB)",
        ]
    return ", ".join(told)


def format_range(ratios: list[float]) -> str:
    """The median of the rounds' ratios, and the least and the greatest."""
    return f"{statistics.median(ratios):.1f}x ({min(ratios):.1f} to {max(ratios):.1f})"


def format_spread(result: dict[str, Any]) -> str:
    """The interquartile range, as a share of the median."""
    return f"±{100 * result['stats']['iqr'] / result['stats']['median'] / 2:.0f} %"


def main(file: str) -> None:
    document = json.loads(Path(file).read_text())
    machine, results = document["machine_info"], {result["name"]: result for result in document["benchmarks"]}
    print(
        f"{machine['cpu']}, {machine['cores']} cores, torch {machine['libraries']['torch']}, GPUs: {machine['gpus']}\n"
    )
    for group in dict.fromkeys(result["group"] for result in document["benchmarks"]):
        rows = [result for result in document["benchmarks"] if result["group"] == group]
        print(f"{group} (relative to the first row)")
        width = max(len(result["name"]) for result in rows)
        for result in rows:
            ratio = rate(result) / rate(rows[0])
            print(f"  {result['name']:{width}} {ratio:8.2f}x   {format_spread(result):6} {remarks(result)}")
        print()
    if {"test_overhead", "test_plain_overhead", *(f"test_joint[{name}-256]" for name in PRECISIONS)} <= set(results):
        print_overhead(results)
    if {"test_run_of_100", "test_import_of_torch"} <= set(results):
        run, torch = (results[name]["stats"]["median"] for name in ("test_run_of_100", "test_import_of_torch"))
        print(f"100 images from the shell: {run:.1f} s, of which {torch:.1f} s import torch")
    if {"test_growth[1000]", "test_growth[10000]"} <= set(results):
        few, many = (results[f"test_growth[{images}]"]["extra_info"] for images in (1000, 10000))
        time = few["images_per_second"] / many["images_per_second"]
        memory = many["peak_memory_bytes"] / few["peak_memory_bytes"]
        print(f"10,000 images against 1,000: {time:.3f}x the time per image, {memory:.3f}x the memory")


def print_overhead(results: dict[str, dict[str, Any]]) -> None:
    """What of a step of the built-in generator is the loop's with its generator left out, and what of that is ours."""
    for precision in PRECISIONS:
        step = rate(results[f"test_joint[{precision}-256]"])
        whole, plain = (step / rate(results[name]) for name in ("test_overhead", "test_plain_overhead"))
        print(
            f"of a {precision} step at batch 256, {100 * whole:.1f} % is left without the generator: "
            f"{100 * plain:.1f} % torch's Adam and autograd in a plain loop, {100 * (whole - plain):.1f} % icbench"
        )


if __name__ == "__main__":
    main(sys.argv[1])
