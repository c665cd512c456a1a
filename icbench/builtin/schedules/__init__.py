"""The built-in schedules. They are declared here, where listing them needs no torch, each by its file."""

from icbench.plugins.component import Component, Param

NOISE_RATE = Param("noise_rate", 1.0, "the noise's learning rate, as a factor on the class vector's", low=0.0)
NOISE_START = Param("noise_start", 0, "first steps during which the noise rests", low=0)
CALIBRATE = Param("calibrate", False, "weigh distances by how large the generator's residuals usually are")
EXHAUSTIVE = (
    Param("restarts", 1, "noise draws tried per class", low=1, high=1000),
    Param("prior_weight", 0.03, "weight of the noise's Gaussian prior in the energy", low=0.0),
    Param("noise_rate", 4.0, "the noise's learning rate, as a factor on the optimizer's", low=0.0),
    Param("start", "bank", "where the noise starts", choices=("drawn", "encoder", "bank")),
    Param("bank", 1024, "draws of the noise in the bank", low=1, high=100_000),
    Param("decay", "cosine", "how the rate falls over the steps", choices=("none", "cosine")),
    CALIBRATE,
    Param("softness", 0.0, "temperature of the minimum over a class's restarts; 0: the least energy", low=0.0),
)

SCHEDULES = (
    Component(
        "joint",
        "icbench.builtin.schedules.joint:Joint",
        "class vector and noise descend together",
        params=(NOISE_RATE, NOISE_START),
    ),
    Component(
        "class-only",
        "icbench.builtin.schedules.joint:ClassOnly",
        "the class vector descends, the noise stays",
        params=(Param("start", "drawn", "where the noise is", choices=("drawn", "encoder")), CALIBRATE),
    ),
    Component(
        "alternating",
        "icbench.builtin.schedules.joint:Alternating",
        "class vector and noise descend in turns",
        params=(Param("turn", 5, "steps of a turn", low=1), NOISE_RATE),
    ),
    Component(
        "relaxed",
        "icbench.builtin.schedules.relaxed:Relaxed",
        "joint, in coordinates that a map takes to the simplex",
        params=(
            Param(
                "simplex_map",
                "softmax",
                "from coordinates to class vectors",
                choices=("softmax", "sparsemax", "mirror"),
            ),
            Param("temperature", 1.0, "what coordinates are divided by at first", low=1e-3),
            Param("cooling", 1.0, "the factor on it by the last step", low=1e-3, high=1.0),
            Param("entropy", 0.0, "weight of the class vector's entropy at the last step", low=0.0),
            NOISE_RATE,
            NOISE_START,
        ),
    ),
    Component(
        "multi-vertex",
        "icbench.builtin.schedules.joint:MultiVertex",
        "one free hypothesis near each vertex",
        params=(Param("nearness", 0.8, "from the middle (0) to the vertex (1)", low=0.0, high=1.0), NOISE_RATE),
    ),
    Component(
        "exhaustive",
        "icbench.builtin.schedules.exhaustive:Exhaustive",
        "one hypothesis per class; the class of least energy wins",
        params=EXHAUSTIVE,
    ),
    Component(
        "halving",
        "icbench.builtin.schedules.exhaustive:Halving",
        "exhaustive, and hypotheses are dropped on the way",
        params=(
            *EXHAUSTIVE,
            Param("at", "5/10/20", "steps before which hypotheses are dropped"),
            Param("keep", "5/3/2", "how many of an image go on from each"),
        ),
    ),
    Component(
        "evidence",
        "icbench.builtin.schedules.evidence:Evidence",
        "exhaustive, and a class pays for what else it explains",
        params=(
            *EXHAUSTIVE,
            Param("weight", 1.0, "weight of the curvature's log-determinant", low=0.0),
            Param("at", "", "steps before which hypotheses are dropped, as for halving"),
            Param("keep", "", "how many of an image go on from each"),
        ),
    ),
)
