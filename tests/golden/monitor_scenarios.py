"""EarlyStopping and ReduceLROnPlateau."""

import math

import keras
import numpy as np
from keras_driver import Scenarios, logs_of

NAN, INF = math.nan, math.inf


def nan_is_first(runs, monitor, start=0):
    """Whether the first watched value of a run is NaN: what Keras takes for the best for ever."""
    for epochs in runs:
        values = [
            logs[monitor] for epoch, logs in enumerate(epochs) if monitor in logs and epoch >= start
        ]
        if values and math.isnan(values[0]):
            return True
    return False


def pick(random, **choices):
    """Some of these options, each with one of its values; None leaves one out."""
    chosen = {name: random.choice(values) for name, values in choices.items()}
    return {name: value for name, value in chosen.items() if value is not None}


def watched(random):
    return random.choice(
        [
            ("loss", "min"),
            ("val_loss", "min"),
            ("val_loss", "auto"),
            ("acc", "max"),
            ("val_acc", "max"),
            ("loss", "max"),
            ("loss", "auto"),
        ]
    )


def compiled_model():
    """Metrics as Keras's own test of the direction has them, built by a fit."""
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(2)])
    model.compile(
        "sgd",
        "mae",
        run_eagerly=True,
        metrics=[
            "mse",
            "acc",
            "accuracy",
            "hinge",
            keras.metrics.F1Score(name="f1_score"),
            keras.metrics.AUC(name="auc"),
            keras.metrics.TruePositives(name="hits"),
            "cosine_similarity",
        ],
    )
    model.fit(np.ones((2, 1)), np.array([[1.0, 0.0], [0.0, 1.0]]), verbose=0)
    return model


def early_stopping():
    scenarios = Scenarios("early_stopping")

    def add(name, epochs, **options):
        scenarios.add(name, ["EarlyStopping", options], epochs)

    def loss(name, values, **options):
        add(name, logs_of("loss", *values), monitor="loss", mode="min", **options)

    for patience in range(5):
        loss(
            f"Keras's test: patience {patience}",
            [10, 9, 8, 9, 8.9, 8.8, 8.7, 8.6, 8.5],
            patience=patience,
        )
    best = dict(restore_best_weights=True)
    for name, values, options in [
        ("patience 0", [5, 5], {}),
        ("patience 1 is 0", [5, 5], dict(patience=1)),
        ("restores the first", [5, 6, 6], best),
        ("restores at a normal end", [5, 4, 6], dict(patience=5, **best)),
        ("warm-up", [9, 1, 2, 3, 4], dict(patience=2, start_from_epoch=2, **best)),
        ("baseline never beaten", [1, 0.875, 0.75, 0.625, 0.5625], dict(baseline=0.5, patience=2)),
        ("baseline and no improvement", [1, 1], dict(baseline=0.5, patience=1)),
        ("baseline equalled", [0.5, 0.5, 0.25, 0.25], dict(baseline=0.5, patience=2)),
        ("exact min_delta is not enough", [1, 0.875, 0.75, 0.5], dict(min_delta=0.125, patience=9)),
        ("negative min_delta", [1, 0.875, 0.75, 0.5], dict(min_delta=-0.125, patience=9)),
        ("NaN in between", [3, NAN, 2, 2, 2], dict(patience=2)),
        ("NaN is first", [NAN, 1, 0.5], dict(patience=2)),
        ("NaN is first, restored", [NAN, 1, 0.5], dict(patience=2, **best)),
        ("nothing but NaN is first", [NAN, NAN, NAN], dict(patience=2, **best)),
        ("infinite at first", [INF, 5, INF, INF], dict(patience=2)),
        ("infinitely good", [5, -INF, -INF, 1], dict(patience=2)),
        ("never in epoch 0", [1], {}),
        ("verbose stop", [1, 2, 3], dict(patience=2, verbose=1, **best)),
        ("verbose without stop", [3, 2, 1], dict(patience=2, verbose=1, **best)),
        ("missing once", [3, None, 3, 3], dict(patience=2)),
        ("missing always", [None, None, None], dict(patience=1)),
        ("missing in the warm-up", [None, None, 1, 2], dict(start_from_epoch=2)),
        ("float32 cannot tell", [1, 1 - 1e-9, 1 - 2e-9, 1 - 3e-9], dict(patience=2)),
        ("float32 can tell", [1, 1 - 1e-6, 1 - 2e-6, 1 - 3e-6], dict(patience=2)),
    ]:
        loss(name, values, **options)
    add(
        "Keras's test: restored",
        logs_of("val_loss", 0.2, 0.15, 0.1, 0.11, 0.12),
        patience=2,
        **best,
    )
    add(
        "Keras's test: baseline never beaten, restored",
        logs_of("val_loss", 0.9, 0.8, 0.7, 0.71, 0.72, 0.73),
        patience=5,
        baseline=0.5,
        **best,
    )
    add("warns of what is missing", [{"mae": 1.0, "loss": 2.0}] * 3)
    add("unknown mode", logs_of("val_loss", 1, 1), mode="sideways")
    for key in ("acc", "learning_rate", "custom", "a_loss"):
        add(f"auto without a model's metrics: {key}", logs_of(key, 1, 2, 2), monitor=key)
    model = compiled_model()
    for monitor in (
        "val_mse",
        "loss",
        "val_loss",
        "acc",
        "val_accuracy",
        "hinge",
        "f1_score",
        "val_auc",
        "cosine_similarity",
        "hits",
        "unknown",
    ):
        scenarios.add(
            f"Keras's test: auto direction of {monitor}",
            ["EarlyStopping", dict(monitor=monitor)],
            logs_of(monitor, 1.0),
            model=model,
        )
    for mode, monitor in [("max", "val_mse"), ("min", "val_loss")]:
        scenarios.add(
            f"Keras's test: direction {mode}",
            ["EarlyStopping", dict(monitor=monitor, mode=mode)],
            logs_of(monitor, 1.0),
            model=model,
        )

    random = scenarios.random
    for i in range(90):
        monitor, mode = watched(random)
        options = pick(
            random,
            min_delta=[None, 0, 0.125, -0.125, 0.25],
            patience=[None, 0, 1, 2, 3, 4],
            baseline=[None, None, 0.5, 1.0, 1.5],
            restore_best_weights=[None, True],
            start_from_epoch=[None, None, 1, 3],
            verbose=[None, 1],
        )
        runs = [
            [scenarios.epoch(monitor) for _ in range(random.randrange(2, 9))]
            for _ in range(random.choice([1, 1, 2]))
        ]
        nan = nan_is_first(runs, monitor, options.get("start_from_epoch", 0))
        scenarios.add(
            f"random {i}{', NaN is first' if nan else ''}",
            ["EarlyStopping", dict(monitor=monitor, mode=mode, **options)],
            runs=runs,
        )
    return scenarios


def reduce_lr_on_plateau():
    scenarios = Scenarios("reduce_lr_on_plateau")

    def loss(name, values, learning_rate=1.0, **options):
        options = dict(monitor="loss", mode="min") | options
        scenarios.add(
            name,
            ["ReduceLROnPlateau", options],
            logs_of("loss", *values),
            learning_rate=learning_rate,
        )

    half = dict(factor=0.5)
    for name, values, options in [
        ("patience 1", [1] * 5, dict(patience=1, **half)),
        ("patience 0 is 1", [1] * 5, dict(patience=0, **half)),
        ("patience 2, cooldown 2", [1] * 8, dict(patience=2, cooldown=2, **half)),
        ("patience 1, cooldown 2", [1] * 8, dict(patience=1, cooldown=2, **half)),
        ("cooldown 1 does nothing", [1] * 5, dict(patience=1, cooldown=1, **half)),
        ("cooldown 3", [1] * 9, dict(patience=2, cooldown=3, **half)),
        ("min_lr", [1] * 5, dict(patience=1, min_lr=0.5, **half)),
        ("min_lr above the rate", [1] * 4, dict(patience=1, min_lr=2.0, **half)),
        ("min_lr in between", [1] * 5, dict(patience=1, min_lr=0.375, verbose=1, **half)),
        ("missing does not count", [1, None, 1, 1], dict(patience=2, **half)),
        ("missing in the cooldown", [1, 1, None, 1, 1, 1], dict(patience=1, cooldown=2, **half)),
        ("default min_delta", [1, 0.99995, 0.9999, 0.9998, 0.99985], dict(patience=1, **half)),
        ("exact min_delta", [1, 0.875, 0.75, 0.5], dict(patience=1, min_delta=0.125, **half)),
        ("improves in the cooldown", [2, 2, 1, 1, 1, 1], dict(patience=1, cooldown=3, **half)),
        ("factor 0", [1] * 4, dict(patience=1, factor=0.0, min_lr=0.25)),
        ("factor 1 is refused", [1], dict(factor=1.0)),
        ("negative factor", [1] * 3, dict(patience=1, factor=-0.5)),
        ("verbose", [1] * 4, dict(patience=1, verbose=1, **half)),
        ("default factor, verbose", [1] * 13, dict(verbose=1)),
        ("NaN is first", [NAN, 1, 0.5], dict(patience=1, **half)),
        ("NaN in between", [1, NAN, 0.5, NAN], dict(patience=1, **half)),
        ("max", [1, 2, 2, 1], dict(patience=1, mode="max", **half)),
        ("warns of what is missing", [None, None], dict(monitor="val_loss")),
    ]:
        loss(name, values, **options)
    loss("float32 rates", [1] * 6, learning_rate=0.1, patience=1, verbose=1)
    loss(
        "Keras's test: one reduction", [1, 1], learning_rate=0.5, patience=1, min_delta=100, **half
    )
    loss("Keras's test: min_lr", [1] * 4, patience=1, min_delta=10, min_lr=0.0625, **half)
    loss("Keras's test: cooldown", [1] * 4, patience=1, min_delta=100, cooldown=2, **half)
    random = scenarios.random
    for i in range(60):
        monitor, mode = watched(random)
        options = pick(
            random,
            factor=[0.5, 0.25, 0.75, 0.0],
            patience=[0, 1, 2, 3],
            cooldown=[None, 0, 1, 2, 3],
            min_delta=[None, 0, 0.125, -0.25],
            min_lr=[None, 0.0, 0.0625, 0.25],
            verbose=[None, 1],
        )
        runs = [
            [scenarios.epoch(monitor) for _ in range(random.randrange(3, 10))]
            for _ in range(random.choice([1, 1, 2]))
        ]
        nan = ", NaN is first" if nan_is_first(runs, monitor) else ""
        scenarios.add(
            f"random {i}{nan}",
            ["ReduceLROnPlateau", dict(monitor=monitor, mode=mode, **options)],
            runs=runs,
        )
    return scenarios
