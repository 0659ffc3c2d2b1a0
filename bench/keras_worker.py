"""The Python side of keras.ts: runs tasks that arrive as lines of JSON on stdin, and answers each
with the milliseconds of processor (all threads) and clock that it took. KERAS_BACKEND chooses the
backend; models, tf.function and jax.jit are kept between tasks, so that a repeated task is warm.
"""

import json
import os
import sys
import time
from types import SimpleNamespace

# Replies have a stream of their own: whatever the libraries print goes to stderr.
replies = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter


class Terminal:
    """An interactive terminal on which nothing is seen."""

    def write(self, text):
        pass

    def flush(self):
        pass

    def isatty(self):
        return True


def stack(folder):
    """What people train with, on a disk: the callbacks of stack.ts."""
    return [
        keras.callbacks.EarlyStopping(monitor="loss", patience=99, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=99),
        keras.callbacks.ModelCheckpoint(
            f"{folder}/best.keras", monitor="loss", save_best_only=True
        ),
        keras.callbacks.CSVLogger(f"{folder}/log.csv"),
        keras.callbacks.TensorBoard(f"{folder}/tensorboard", update_freq="batch"),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.ProgbarLogger(),
    ]


models = {}


def trained(sizes, rows, key):
    """The model and the rows of a key, made once; `perceptron` and `data` of networks.ts."""
    if key in models:
        return models[key]
    inputs, hidden, outputs = sizes
    is_classifier = outputs > 1
    model = keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Dense(hidden, activation="relu"),
            keras.layers.Dense(outputs, activation="softmax" if is_classifier else "linear"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.001),
        loss="categorical_crossentropy" if is_classifier else "mean_squared_error",
        metrics=["accuracy" if is_classifier else "mae"],
    )
    random = np.random.default_rng(1)
    x = random.random((rows, inputs), dtype="float32")
    if is_classifier:
        y = np.eye(outputs, dtype="float32")[random.integers(0, outputs, rows)]
    else:
        y = random.standard_normal((rows, 1), dtype="float32")
    models[key] = model, x, y
    return models[key]


def fit(sizes, rows, batchSize, epochs, folder=None):
    model, x, y = trained(sizes, rows, (*sizes, rows, folder))

    def run():
        callbacks = [] if folder is None else stack(folder)
        verbose = 0 if folder is None else 1
        model.fit(
            x, y, batch_size=batchSize, epochs=epochs, verbose=verbose, callbacks=callbacks
        )

    return run


def keras_scalars(count, folder):
    """Scalars as Keras's TensorBoard callback writes them."""

    def run():
        writer = tf.summary.create_file_writer(folder)
        with writer.as_default():
            for step in range(count):
                tf.summary.scalar("batch_loss", step * 0.001, step=step)
        writer.close()

    return run


def tensorboard_scalars(count, folder):
    """Scalars by the writer of the package `tensorboard`, as PyTorch writes them."""

    def run():
        writer = EventFileWriter(folder)
        for step in range(count):
            summary = scalar_pb("batch_loss", step * 0.001)
            writer.add_event(event_pb2.Event(wall_time=time.time(), step=step, summary=summary))
        writer.close()

    return run


def csv_rows(count, folder):
    def run():
        model = SimpleNamespace(stop_training=False)
        logger = keras.callbacks.CSVLogger(f"{folder}/rows.csv")
        callbacks = keras.callbacks.CallbackList([logger], model=model)
        callbacks.on_train_begin()
        for epoch in range(count):
            callbacks.on_epoch_begin(epoch)
            loss = 1 / (epoch + 1)
            logs = {"accuracy": 1 - loss, "loss": loss, "val_accuracy": 0.5, "val_loss": 2 * loss}
            callbacks.on_epoch_end(epoch, logs)
        callbacks.on_train_end()

    return run


tasks = {
    "fit": fit,
    "keras_scalars": keras_scalars,
    "tensorboard_scalars": tensorboard_scalars,
    "csv_rows": csv_rows,
}


def reply(answer):
    replies.write(json.dumps(answer) + "\n")
    replies.flush()


sys.stdout = Terminal()
version = f"Python {sys.version.split()[0]}, Keras {keras.__version__}, TensorFlow {tf.__version__}"
if keras.backend.backend() == "jax":
    import jax

    version += f", jax {jax.__version__}"
reply(version)
for line in sys.stdin:
    task = json.loads(line)
    run = tasks[task.pop("task")](**task)
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    reply(
        {
            "cpu": (time.process_time() - cpu) * 1000,
            "wall": (time.perf_counter() - wall) * 1000,
        }
    )
