"""Measure what ships of usual distances: python docs/usual_distances.py > icbench/running/usual_distances.json"""

import json

from icbench.plugins.manager import builtin_components
from icbench.running.image_inversion import ImageInverter, entry_for_images
from icbench.running.options import Options
from icbench.running.usual_distance import label_of, measure

SPECS = (
    {},
    {"schedule": "exhaustive"},
    {"generator": "cgan:noise_dim=25", "schedule": "exhaustive"},
)
"""The default entry of `icbench invert`, and those that its help and its documentation name."""


def main() -> None:
    found = {}
    for specs in SPECS:
        entry, known = entry_for_images(builtin_components(), specs, None)
        inverter = ImageInverter(entry, known, Options(device="cpu", precision="float32"))
        made_of = inverter.runner, inverter.source, inverter.settings
        found[label_of(*made_of)] = round(measure(*made_of), 6)
    print(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False))


if __name__ == "__main__":
    main()
