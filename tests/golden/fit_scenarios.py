"""Hook order, arguments and log values of fit, evaluate and predict, with a real tiny model."""

import warnings

import keras
import numpy as np
from keras_driver import HOOKS, Scenarios, plain, schedule


def dense(name):
    return keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.5), name=name)


def make_model(outputs, metrics):
    x = keras.layers.Input((2,), name="x")
    names = ["a", "b"][:outputs]
    model = keras.Model(x, [dense(name)(x) for name in names])
    several = outputs > 1
    model.compile(
        keras.optimizers.SGD(0.125),
        loss={name: "mse" for name in names} if several else "mse",
        metrics={name: list(metrics) for name in names} if several and metrics else list(metrics),
    )
    return model


def rows(count, infinite=None):
    """The same numbers as the replay's, exact in float32; one target may be infinite."""
    x = np.array([[(i % 5) / 4 - 0.5, (i % 3) / 2 - 0.5] for i in range(count)], "float32")
    y = np.array([[np.inf if i == infinite else (i % 7) / 4] for i in range(count)], "float32")
    return x, y


class Watch(keras.callbacks.Callback):
    """Writes down every hook, and sets a flag of the model in the nth call of one of them."""

    def __init__(self, events, flag=None, hook=None, nth=None):
        super().__init__()
        self.left = nth
        for name in HOOKS:

            def hear(*args, logs=None, name=name):
                given = logs if logs is not None else args[-1]
                index = [arg for arg in args if not isinstance(arg, dict)]
                events.append([name[3:], *index, describe(given)])
                if name == hook:
                    self.left -= 1
                    if self.left == 0:
                        setattr(self.model, flag, True)

            setattr(self, name, hear)


def describe(logs):
    """The values by key, six digits each; of outputs the shapes."""
    return {
        key: shapes(value) if key == "outputs" else plain(float(f"{value:.6g}"))
        for key, value in logs.items()
    }


def shapes(value):
    return [list(each.shape) for each in value] if isinstance(value, list) else list(value.shape)


def six_digits(values):
    return [plain(float(f"{each:.6g}")) for each in values]


def made(kind, options):
    if "schedule" in options:
        options = options | {"schedule": schedule(options["schedule"])}
    return getattr(keras.callbacks, kind)(**options)


def targets(y, outputs):
    return y if outputs == 1 else {"a": y, "b": y * 0.5}


def hook_order():
    scenarios = Scenarios("hook_order")
    models = {}

    def add(
        name,
        call="fit",
        rows_=10,
        outputs=1,
        metrics=(),
        validation=None,
        dataset=False,
        stop=None,
        infinite=None,
        make=(),
        **options,
    ):
        key = (outputs, tuple(metrics))
        if key not in models:
            model = make_model(outputs, metrics)
            models[key] = (model, model.get_weights())
        model, weights = models[key]
        model.set_weights(weights)
        model.optimizer.learning_rate = 0.125
        events = []
        watch = Watch(events, *(stop or []))
        x, y = rows(rows_, infinite)
        data = (x, targets(y, outputs))
        callbacks = [*(made(*each) for each in make), watch]
        arguments = {"callbacks": callbacks, "verbose": 0, "batch_size": 4, **options}
        if dataset:
            batch = arguments.pop("batch_size")

            def batches():
                for at in range(0, rows_, batch):
                    part = y[at : at + batch]
                    yield x[at : at + batch], targets(part, outputs)

            data = (endless(batches) if options.get("steps_per_epoch") else batches(),)
        if call == "fit":
            arguments["shuffle"] = False
            if isinstance(validation, int):
                vx, vy = rows(validation)
                arguments["validation_data"] = (vx, targets(vy, outputs))
            elif validation:
                arguments["validation_split"] = validation
        if call == "predict":
            data = data[:1]
        if call == "evaluate":
            arguments["return_dict"] = True
        seen = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = getattr(model, call)(*data, **arguments)
                if call == "fit":
                    seen["history"] = {
                        name: six_digits(values) for name, values in result.history.items()
                    }
                    seen["epoch"] = result.epoch
                elif call == "evaluate":
                    seen["result"] = describe(result)
                else:
                    seen["shapes"] = shapes(result)
            except Exception as error:
                seen["error"] = type(error).__name__
        seen["events"] = events
        seen["params"] = watch.params
        seen["weights"] = [six_digits(each.ravel()) for each in model.get_weights()]
        scenario = {"name": name, "call": call, "rows": rows_}
        for key, value, usual in [
            ("outputs", outputs, 1),
            ("metrics", list(metrics), []),
            ("validation", validation, None),
            ("dataset", dataset, False),
            ("stop", stop, None),
            ("infinite", infinite, None),
            ("make", list(make), []),
            ("options", options, {}),
        ]:
            if value != usual:
                scenario[key] = value
        scenarios.append(scenario | {"seen": seen})

    add("one epoch")
    add("three epochs", epochs=3)
    add("metrics", epochs=2, metrics=["mse", "mae"])
    add("two outputs", epochs=2, outputs=2)
    add("two outputs with metrics", epochs=2, outputs=2, metrics=["mae"], validation=4)
    add("two metrics and validation", epochs=2, metrics=["mae", "mse"], validation=6)
    add("validation split", epochs=2, validation=0.25, rows_=12)
    add("validation rows of one batch", epochs=2, validation=3)
    for freq in (1, 2, 3, [1, 3], [2], [7]):
        add(f"validation_freq {freq}", epochs=4, validation=4, validation_freq=freq)
    add("initial_epoch", epochs=4, initial_epoch=2)
    add(
        "initial_epoch and validation_freq",
        epochs=5,
        initial_epoch=1,
        validation=4,
        validation_freq=2,
    )
    add("nothing to train", epochs=2, initial_epoch=2)
    add("no epoch", epochs=0)
    add("validation_steps", epochs=2, validation=10, validation_steps=2)
    add("validation_batch_size", epochs=1, validation=10, validation_batch_size=5)
    for size in (1, 3, 5, 10, 32):
        add(f"batches of {size}", epochs=2, batch_size=size)
    for steps in (1, 2, 3):
        add(f"steps_per_epoch {steps} of 3", epochs=3, steps_per_epoch=steps, rows_=12)
    add("a generator", dataset=True)
    add("a generator of whole batches", dataset=True, rows_=12)
    add("a generator with steps_per_epoch", dataset=True, rows_=12, epochs=2, steps_per_epoch=2)
    for hook in HOOKS[:8]:
        for nth in (1, 2):
            if nth == 2 and hook in ("on_train_begin", "on_train_end"):
                continue
            add(
                f"stop_training in {hook}, time {nth}",
                epochs=3,
                validation=8,
                stop=["stop_training", hook, nth],
            )
    add(
        "stop_training in on_test_batch_end",
        epochs=3,
        validation=8,
        stop=["stop_training", "on_test_batch_end", 1],
    )
    for hook in ("on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"):
        add(
            f"stop_evaluating in {hook}, in validation",
            epochs=2,
            validation=12,
            stop=["stop_evaluating", hook, 1],
        )
        add(f"stop_evaluating in {hook}", "evaluate", 12, stop=["stop_evaluating", hook, 1])
        add(
            f"stop_evaluating in {hook}, metrics",
            "evaluate",
            10,
            metrics=["mae"],
            stop=["stop_evaluating", hook, 2] if "batch" in hook else ["stop_evaluating", hook, 1],
        )
    for hook in ("on_train_begin", "on_epoch_begin", "on_train_batch_end", "on_epoch_end"):
        add(
            f"stop_evaluating in {hook}, before validation",
            epochs=2,
            validation=8,
            stop=["stop_evaluating", hook, 1],
        )
    for hook in HOOKS[10:]:
        for size in (4, 5):
            add(
                f"stop_predicting in {hook}, batches of {size}",
                "predict",
                12,
                batch_size=size,
                stop=["stop_predicting", hook, 1],
            )
    for call in ("evaluate", "predict"):
        add(call, call)
        add(f"{call}, one batch", call, 3)
        add(f"{call}, steps", call, 12, steps=2)
        add(f"{call}, batches of one", call, 3, batch_size=1)
        add(f"{call}, two outputs", call, outputs=2)
        add(f"{call}, a generator", call, 8, dataset=True)
    add("evaluate, metrics", "evaluate", metrics=["mse", "mae"])
    add("evaluate, two outputs with metrics", "evaluate", outputs=2, metrics=["mae"])
    for call, hook in (("evaluate", "on_test_batch_end"), ("predict", "on_predict_batch_end")):
        add(f"stop_training is nothing to {call}", call, 12, stop=["stop_training", hook, 1])
    add("steps_per_epoch beyond the rows", epochs=2, steps_per_epoch=4, rows_=12)
    add("an endless generator", dataset=True, rows_=12, epochs=3, steps_per_epoch=5)
    add(
        "an endless generator, stopped",
        dataset=True,
        rows_=12,
        epochs=3,
        steps_per_epoch=5,
        stop=["stop_training", "on_train_batch_end", 5],
    )

    rate = ["LearningRateScheduler", {"schedule": {"times": 0.5}}]
    plateau = [
        "ReduceLROnPlateau",
        dict(monitor="loss", mode="min", min_delta=100, patience=1, factor=0.5),
    ]
    patient = dict(monitor="loss", mode="min", min_delta=100, patience=2)
    for row in (0, 5, 9):
        for error in (False, True):
            add(
                f"TerminateOnNaN of row {row}, raise_error {error}",
                epochs=3,
                infinite=row,
                validation=4,
                make=[["TerminateOnNaN", {"raise_error": error}]],
            )
    add("an infinite target nobody looks at", epochs=2, infinite=5)
    add("LearningRateScheduler", epochs=3, make=[rate])
    add("ReduceLROnPlateau", epochs=4, make=[plateau])
    add("a schedule, then a plateau", epochs=4, make=[rate, plateau])
    add("EarlyStopping", epochs=6, make=[["EarlyStopping", patient]])
    add(
        "EarlyStopping, restored",
        epochs=6,
        make=[["EarlyStopping", patient | {"restore_best_weights": True}]],
    )
    add(
        "EarlyStopping of validation",
        epochs=5,
        validation=4,
        make=[["EarlyStopping", dict(monitor="val_loss", patience=1, mode="max")]],
    )
    add(
        "EarlyStopping of a metric, auto",
        epochs=4,
        metrics=["mae"],
        validation=4,
        make=[["EarlyStopping", dict(monitor="val_mae", restore_best_weights=True)]],
    )
    add(
        "EarlyStopping from a later epoch",
        epochs=7,
        initial_epoch=3,
        make=[["EarlyStopping", patient | {"start_from_epoch": 4, "restore_best_weights": True}]],
    )
    add(
        "EarlyStopping, all epochs run, restored",
        epochs=3,
        make=[["EarlyStopping", patient | {"patience": 9, "restore_best_weights": True}]],
    )
    return scenarios


def endless(batches):
    while True:
        yield from batches()
