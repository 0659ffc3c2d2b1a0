"""Writes ema.json: what Keras's moving average of weights and SwapEMAWeights do.

Run with KERAS_BACKEND=jax (or any other) in an environment that has keras and numpy.
"""

import json
import pathlib

import keras
import numpy as np

X = np.linspace(-1, 1, 10, dtype="float32").reshape(10, 1)
Y = 3 * X + 0.5
BATCH = 4


def make_model(optimizer):
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[0.25]], "float32"), np.array([-0.5], "float32")])
    model.compile(optimizer, "mse")
    return model


def weights_of(model):
    return [float(value) for weight in model.get_weights() for value in weight.ravel()]


class Recorder(keras.callbacks.Callback):
    """Stands last: what is in the model after each batch and at each epoch's end."""

    def __init__(self):
        super().__init__()
        self.batches = []
        self.epochs = []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(weights_of(self.model))

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(weights_of(self.model))


def run(optimizer, callback, epochs=3):
    model = make_model(optimizer)
    recorder = Recorder()
    history = model.fit(
        X, Y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0,
        validation_data=(X, Y), callbacks=[*callback, recorder],
    )
    return {
        "batches": recorder.batches,
        "epochs": recorder.epochs,
        "val_loss": history.history["val_loss"],
        "final": weights_of(model),
    }


def sgd(**options):
    return keras.optimizers.SGD(0.1, use_ema=True, **options)


scenarios = {
    "momentum 0.9": run(sgd(ema_momentum=0.9), []),
    "default momentum": run(sgd(), []),
    "overwrite every 2": run(sgd(ema_momentum=0.5, ema_overwrite_frequency=2), []),
    "momentum 0": run(sgd(ema_momentum=0.0), []),
    "swap": run(sgd(ema_momentum=0.9), [keras.callbacks.SwapEMAWeights()]),
    "swap on epoch": run(sgd(ema_momentum=0.9), [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)]),
    "swap, overwrite every 2": run(
        sgd(ema_momentum=0.5, ema_overwrite_frequency=2), [keras.callbacks.SwapEMAWeights()]
    ),
}
path = pathlib.Path(__file__).parent / "ema.json"
path.write_text(json.dumps({"keras": keras.__version__, "scenarios": scenarios}, indent=1) + "\n")
