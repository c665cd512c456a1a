"""Print the ratios that the documentation quotes, from one result of `pytest benchmarks --benchmark-json FILE`.

python benchmarks/report.py FILE
"""

import json
import sys
from pathlib import Path
from typing import Any


def rate(result: dict[str, Any]) -> float:
    """Hypothesis steps a second where steps are timed, else rounds a second."""
    return float(result["extra_info"].get("hypothesis_steps_per_second") or 1 / result["stats"]["median"])


def spread(result: dict[str, Any]) -> str:
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
        for result in rows:
            print(f"  {result['name']:32} {rate(result) / rate(rows[0]):8.2f}x   {spread(result)}")
        print()
    if "test_overhead" in results:
        loop, step = results["test_overhead"], results["test_noise_size[10]"]
        print(f"share of a 512-row float32 step that is icbench's own: {100 * rate(step) / rate(loop):.1f} %")


if __name__ == "__main__":
    main(sys.argv[1])
