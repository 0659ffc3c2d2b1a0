"""Makes tests/golden/schedules.json: the learning rates of Keras's own schedules, which count in float32.

    python -m venv /tmp/keras && /tmp/keras/bin/pip install keras==3.15.1 jax
    KERAS_BACKEND=jax /tmp/keras/bin/python tests/golden/make_schedules.py

It is deterministic: a second run writes the same bytes.
"""

import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from keras.optimizers import schedules

STEPS = [0, 1, 2, 3, 7, 9, 10, 11, 20, 29, 30, 31, 50, 99, 100, 101, 250]

# Keras's class, ours, and the arguments by our names.
CASES = [
    ("ExponentialDecay", "exponentialDecay", [
        {"initialLearningRate": 0.1, "decaySteps": 10, "decayRate": 0.96},
        {"initialLearningRate": 0.1, "decaySteps": 10, "decayRate": 0.5, "staircase": True},
    ]),
    ("InverseTimeDecay", "inverseTimeDecay", [
        {"initialLearningRate": 0.1, "decaySteps": 10, "decayRate": 0.5},
        {"initialLearningRate": 0.1, "decaySteps": 10, "decayRate": 0.5, "staircase": True},
    ]),
    ("PolynomialDecay", "polynomialDecay", [
        {"initialLearningRate": 0.1, "decaySteps": 100},
        {"initialLearningRate": 0.1, "decaySteps": 30, "endLearningRate": 0.01, "power": 2.0},
        {"initialLearningRate": 0.1, "decaySteps": 10, "endLearningRate": 0.01, "power": 0.5, "cycle": True},
    ]),
    ("CosineDecay", "cosineDecay", [
        {"initialLearningRate": 0.1, "decaySteps": 100},
        {"initialLearningRate": 0.1, "decaySteps": 30, "alpha": 0.1},
        {"initialLearningRate": 0.01, "decaySteps": 50, "warmupTarget": 0.5, "warmupSteps": 20},
        {"initialLearningRate": 0.01, "decaySteps": 50, "warmupTarget": 0.5},
        {"initialLearningRate": 0.1, "decaySteps": 50, "warmupSteps": 20},
    ]),
    ("CosineDecayRestarts", "cosineDecayRestarts", [
        {"initialLearningRate": 0.1, "firstDecaySteps": 10},
        {"initialLearningRate": 0.1, "firstDecaySteps": 10, "tMul": 1.0, "mMul": 0.9, "alpha": 0.1},
        {"initialLearningRate": 0.1, "firstDecaySteps": 7, "tMul": 1.5, "mMul": 0.5},
    ]),
    ("PiecewiseConstantDecay", "piecewiseConstantDecay", [
        {"boundaries": [10.0, 30.0], "values": [1.0, 0.5, 0.1]},
    ]),
]
NAMES = {
    "initialLearningRate": "initial_learning_rate",
    "decaySteps": "decay_steps",
    "decayRate": "decay_rate",
    "endLearningRate": "end_learning_rate",
    "warmupTarget": "warmup_target",
    "warmupSteps": "warmup_steps",
    "firstDecaySteps": "first_decay_steps",
    "tMul": "t_mul",
    "mMul": "m_mul",
}


def rates(keras_class, options):
    schedule = getattr(schedules, keras_class)(**{NAMES.get(k, k): v for k, v in options.items()})
    return [float(schedule(step)) for step in STEPS]


def main():
    cases = [
        {"schedule": ours, "options": options, "rates": rates(theirs, options)}
        for theirs, ours, variants in CASES
        for options in variants
    ]
    lines = ",\n".join(f"    {json.dumps(case)}" for case in cases)
    target = pathlib.Path(__file__).parent / "schedules.json"
    target.write_text(
        f'{{\n  "keras": "{keras.__version__}",\n  "steps": {json.dumps(STEPS)},\n  "cases": [\n{lines}\n  ]\n}}\n'
    )


main()
