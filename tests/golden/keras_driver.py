"""Calls real Keras callbacks hook by hook and writes down what can be seen after each step."""

import contextlib
import functools
import io
import math
import os
import random
import re
import tempfile
import types
import warnings

import keras
import numpy as np
from keras.src.utils import progbar

SEED = 20260821


class Model:
    """The little of a model that callbacks ask for; its one weight is a number."""

    def __init__(self, learning_rate):
        self.stop_training = False
        self.optimizer = keras.optimizers.SGD(learning_rate)
        self.weight = 0.0

    def get_weights(self):
        return [np.array([self.weight])]

    def set_weights(self, weights):
        self.weight = float(weights[0][0])

    def save(self, filepath, overwrite=True):
        with open(filepath, "w") as file:
            file.write(str(self.weight))

    save_weights = save


class Recorder(keras.callbacks.Callback):
    """Stands last, and keeps the logs of each hook. Its batch hooks make the list synchronous."""

    logs = None

    def keep(self, *args, logs=None):
        self.logs = dict(logs if logs is not None else args[-1])

    on_train_begin = on_train_end = on_epoch_begin = on_epoch_end = keep
    on_train_batch_begin = on_train_batch_end = on_test_batch_begin = on_test_batch_end = keep
    on_test_begin = on_test_end = on_predict_begin = on_predict_end = keep
    on_predict_batch_begin = on_predict_batch_end = keep


class Probe(Recorder):
    """Tells the world each hook that it hears, and may write a key into the logs."""

    def __init__(self, calls, name, writes=None):
        super().__init__()
        for hook in HOOKS:
            setattr(self, hook, functools.partial(self.hear, calls, f"{name}.{hook}", writes or {}))

    def hear(self, calls, hook, writes, *args, logs=None):
        logs = logs if logs is not None else args[-1]
        index = [arg for arg in args if not isinstance(arg, dict)]
        calls.append([hook, *index, plain(logs)])
        logs.update(writes)


HOOKS = [
    f"on_{name}_{end}"
    for name in ("train", "epoch", "train_batch", "test", "test_batch", "predict", "predict_batch")
    for end in ("begin", "end")
]


def plain(value):
    """A value as JSON has it; what JSON has no word for is text behind a #."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, float):
        if not math.isfinite(value):
            return f"#{value}"
        is_short = value.is_integer() and abs(value) < 1e15 and str(value) != "-0.0"
        return int(value) if is_short else value
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def told(message):
    """What a warning says, without its words: what is missing, and the keys it names."""
    for pattern, form in [
        (r"metric `(.*)` which is not.*are: (.*?)\.?$", "{} not in {}"),
        (r"best model only with (.*) available", "{} not available"),
        (r"mode '(.*)' is unknown", "mode {}"),
        (r"Could not reach", "unreachable"),
        (r"best model only when", "no scalar"),
    ]:
        match = re.search(pattern, message)
        if match:
            return form.format(*match.groups())
    return f"other: {message}"


class World:
    """One run of one scenario: a list of callbacks, a model, a folder, and a clock."""

    STATE = ["best", "wait", "stopped_epoch", "best_epoch", "cooldown_counter", "epoch", "history"]

    def __init__(self, name, make, params=None, learning_rate=1.0, model=None, root=None):
        self.now = 1000.0
        self.root = root
        progbar.time = types.SimpleNamespace(time=lambda: self.now)
        self.folder = tempfile.TemporaryDirectory()
        self.scenario = {"name": name, "make": make}
        if params:
            self.scenario["params"] = params
        if learning_rate != 1.0:
            self.scenario["lr"] = plain(learning_rate)
        self.model = model or Model(learning_rate)
        self.params = {"verbose": 0, "epochs": 9, "steps": None, **(params or {})}
        self.steps = []
        self.state = {}
        self.files = {}
        self.calls = []
        self.requests = []
        self.over = False
        self.step("make")

    def callback(self, kind, options):
        options = dict(options)
        if kind == "nested":
            return [self.callback(*each) for each in options["callbacks"]]
        if kind == "Probe":
            return Probe(self.calls, **options)
        if kind == "LambdaCallback":
            return keras.callbacks.LambdaCallback(
                **{hook: self.hook(hook) for hook in options["hooks"]}
            )
        if options.get("root") == "server":
            options["root"] = self.root
        for name in ("filepath", "filename"):
            if name in options:
                options[name] = os.path.join(self.folder.name, options[name])
        if "schedule" in options:
            options["schedule"] = schedule(options["schedule"])
        return getattr(keras.callbacks, kind)(**options)

    def hook(self, hook):
        def hear(*args, logs=None):
            # Keras gives a batch's logs by name, the others by position.
            *index, given = args if logs is None else [*args, logs]
            self.calls.append([hook, *index, plain(given)])

        return hear

    def make(self):
        self.callbacks = [self.callback(*each) for each in self.scenario["make"]]
        self.recorder = Recorder()
        self.list = keras.callbacks.CallbackList(
            [*self.callbacks, self.recorder], model=self.model, **self.params
        )

    def step(self, verb, *args):
        """Do one thing, and keep what was to be seen. After an error nothing more is done."""
        if self.over:
            return
        seen = {}
        out = io.StringIO()
        if verb != "make":
            self.recorder.logs = None
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(out):
            warnings.simplefilter("always")
            try:
                self.do(verb, args)
            except Exception as error:
                seen["error"] = type(error).__name__
                self.over = True
        # What the folder is called is nobody's matter.
        printed = out.getvalue().replace(self.folder.name + os.sep, "")
        if printed:
            seen["printed"] = printed
        # Keras's own are of this class; what numpy and JAX have to say is their matter.
        warned = [told(str(each.message)) for each in caught if each.category is UserWarning]
        if warned:
            seen["warned"] = warned
        if not self.over:
            self.look(seen)
        self.steps.append([[verb, *plain(args)], seen])

    def do(self, verb, args):
        if verb == "make":
            self.make()
        elif verb == "weight":
            self.model.weight = float(args[0])
        elif verb == "clock":
            self.now += args[0]
        else:
            if verb == "train_begin":
                self.model.stop_training = False
            getattr(self.list, f"on_{verb}")(*args)

    def look(self, seen):
        state = {"stop": self.model.stop_training}
        for callback in self.list.callbacks[:-1]:
            for name in self.STATE:
                if hasattr(callback, name):
                    state[name] = getattr(callback, name)
            if isinstance(
                callback, (keras.callbacks.ReduceLROnPlateau, keras.callbacks.LearningRateScheduler)
            ):
                state["lr"] = float(self.model.optimizer.learning_rate)
            operator = getattr(callback, "monitor_op", None)
            # A checkpoint's is no state that a user reads.
            if operator is not None and not hasattr(callback, "filepath"):
                state["mode"] = "min" if operator is keras.ops.less else "max"
            if getattr(callback, "restore_best_weights", False):
                state["weight"] = self.model.weight
        state = plain(state)
        seen.update(
            {
                key: each
                for key, each in state.items()
                if key not in self.state or self.state[key] != each
            }
        )
        self.state = state
        if self.recorder.logs:
            seen["logs"] = plain(self.recorder.logs)
        files = {}
        for path, _, names in os.walk(self.folder.name):
            for name in names:
                whole = os.path.join(path, name)
                with open(whole, newline="") as file:
                    files[os.path.relpath(whole, self.folder.name)] = file.read()
        changed = {key: text for key, text in files.items() if self.files.get(key) != text}
        if changed:
            seen["files"] = dict(sorted(changed.items()))
        self.files = files
        for name in ("calls", "requests"):
            if getattr(self, name):
                seen[name] = list(getattr(self, name))
                getattr(self, name).clear()

    def fit(self, epochs, batches=(), initial_epoch=0):
        """What `fit` calls for these epoch logs; the weight counts the epochs of the world."""
        self.step("train_begin")
        logs = {}
        for epoch, logs in enumerate(epochs, initial_epoch):
            self.step("epoch_begin", epoch)
            for batch, batch_logs in enumerate(batches):
                self.step("train_batch_begin", batch)
                self.step("train_batch_end", batch, batch_logs)
                if self.model.stop_training:
                    break
            if any(
                "restore_best_weights" in options or kind == "ModelCheckpoint"
                for kind, options in self.scenario["make"]
            ):
                self.step("weight", self.model.weight + 1)
            self.step("epoch_end", epoch, logs)
            if self.over or self.model.stop_training:
                break
        self.step("train_end", logs)
        return self

    def done(self):
        self.folder.cleanup()
        return {**self.scenario, "steps": self.steps}


def schedule(kind):
    """A schedule by its description, which the replay reads too."""
    returns = {"none": None, "int": 1, "text": "1", "nan": math.nan, "float16": np.float16(1)}
    if "times" in kind:
        return lambda epoch, rate: rate * kind["times"]
    if "table" in kind:
        return lambda epoch: kind["table"][epoch]
    if "fails" in kind:

        def fails(epoch, rate):
            raise {"TypeError": TypeError, "ValueError": ValueError}[kind["fails"]]("no")

        return fails
    return lambda epoch, rate: returns[kind["returns"]]


class Scenarios(list):
    """The scenarios of one group, with random numbers of their own."""

    def __init__(self, group):
        super().__init__()
        self.group = group
        self.random = random.Random(f"{SEED} {group}")

    def add(self, name, make, epochs=None, runs=None, **options):
        """Drive one callback, or several, through fits with these epoch logs."""
        fit = {key: options.pop(key) for key in ("batches", "initial_epoch") if key in options}
        world = World(name, [make] if isinstance(make[0], str) else make, **options)
        for each in runs or [epochs]:
            world.fit(each, **fit)
        self.append(world.done())

    def value(self):
        """A number that float32 has exactly, out of few, so that ties come often."""
        odd = self.random.random()
        if odd < 0.06:
            return math.nan
        if odd < 0.09:
            return math.inf if odd < 0.08 else -math.inf
        return self.random.randrange(1, 17) / 8

    def epoch(self, monitor):
        logs = {"loss": self.value(), "acc": self.value()}
        if self.random.random() < 0.8:
            logs |= {"val_loss": self.value(), "val_acc": self.value()}
        if self.random.random() < 0.06:
            logs.pop(monitor, None)
        return logs


def logs_of(key, *values):
    return [{} if value is None else {key: value} for value in values]


EVERY_HOOK = [
    ["train_begin"],
    ["epoch_begin", 0],
    ["train_batch_begin", 0],
    ["train_batch_end", 0, {"loss": 1.0}],
    ["test_begin"],
    ["test_batch_begin", 0],
    ["test_batch_end", 0, {"loss": 2.0}],
    ["test_end", {"loss": 2.0}],
    ["epoch_end", 0, {"loss": 1.0, "val_loss": 2.0}],
    ["train_end", {"loss": 1.0}],
    ["predict_begin"],
    ["predict_batch_begin", 0],
    ["predict_batch_end", 0, {}],
    ["predict_end"],
]


def play(world, *steps):
    """Do these steps, whatever `fit` would do."""
    for verb, *args in steps:
        world.step(verb, *args)
    return world.done()
