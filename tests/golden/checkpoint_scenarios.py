"""ModelCheckpoint."""

import math

from keras_driver import Scenarios, logs_of
from monitor_scenarios import nan_is_first, pick, watched

NAN = math.nan


def model_checkpoint():
    scenarios = Scenarios("model_checkpoint")

    def add(name, epochs, filepath="{epoch:02d}.keras", batches=(), **options):
        scenarios.add(
            name, ["ModelCheckpoint", dict(filepath=filepath, **options)], epochs, batches=batches
        )

    one, two = [{"loss": 1.0}] * 1, [{"loss": 0.5}] * 2
    val = logs_of("val_loss", 3, 2, 2.5, 1)
    add("each epoch", val)
    add("each epoch, verbose", val, verbose=1)
    add("in a folder that is not there", val, "a/b/{epoch}.keras")
    add("weights only", val, "{epoch}.weights.h5", save_weights_only=True)
    add("best only", val, save_best_only=True)
    add("best only, verbose", val, save_best_only=True, verbose=1)
    add("best only, one name", val, "best.keras", save_best_only=True)
    add("best only, above a threshold", val, save_best_only=True, initial_value_threshold=2.25)
    add("a threshold equalled", val, save_best_only=True, initial_value_threshold=1.0, verbose=1)
    add(
        "best only, max",
        logs_of("val_acc", 0.5, 0.25, 0.5, 0.75),
        monitor="val_acc",
        mode="max",
        save_best_only=True,
    )
    add("NaN is first", logs_of("val_loss", NAN, 1, 0.5), save_best_only=True)
    add("NaN in between", logs_of("val_loss", 2, NAN, 1), save_best_only=True, verbose=1)
    add("missing saves", logs_of("loss", 2, 1), save_best_only=True, verbose=1)
    add("Keras's test: unknown monitor", one, monitor="unknown", mode="min", save_best_only=True)
    add("Keras's test: unknown mode", val, mode="unknown")
    add(
        "Keras's test: max above a threshold",
        logs_of("val_acc", 0.5),
        monitor="val_acc",
        mode="max",
        save_best_only=True,
        initial_value_threshold=-0.01,
    )
    add(
        "Keras's test: min above a threshold",
        val,
        save_best_only=True,
        mode="min",
        initial_value_threshold=0.0,
    )
    add(
        "Keras's test: every 15 of 5",
        [{}] * 10,
        "checkpoint.epoch{epoch:02d}.keras",
        [{"loss": 1.0}] * 5,
        save_freq=15,
    )
    add(
        "Keras's test: every batch",
        [{}] * 5,
        "epoch{epoch:02d}batch{batch:02d}.keras",
        two,
        save_freq=1,
    )
    add("every 4 of 3", [{}] * 5, "{epoch}-{batch}.keras", [{"loss": 0.5}] * 3, save_freq=4)
    for freq in ("invalid_save_freq", 1.0, None, 0, -1, True, False):
        add(f"save_freq {freq}", [{}], "{epoch}-{batch}.keras", two, save_freq=freq)
    add(
        "best only by batches",
        [{}] * 2,
        "{epoch}-{batch}.keras",
        logs_of("loss", 3, 2, 2.5, 1),
        save_freq=1,
        monitor="loss",
        mode="min",
        save_best_only=True,
    )
    add("a monitor nobody can place, not best only", val, monitor="val_foo")
    add(
        "a monitor nobody can place, best only",
        logs_of("val_foo", 1),
        monitor="val_foo",
        save_best_only=True,
    )
    for name in ("a", "a.hdf5", "a.tf", "a.h5", "a.keras", "a.weights.h5"):
        add(f"whole model as {name}", one, name)
        add(f"weights as {name}", one, name, save_weights_only=True)
    for template in (
        "{epoch}-{loss:.2f}",
        "{epoch:03d}_{loss:e}",
        "{loss:>8.3f}",
        "{loss}",
        "{{{epoch}}}",
        "{loss:08.3f}",
        "{loss:+.1f}",
        "{loss:.1%}",
        "{epoch:x<4}",
        "{loss:g}",
        "{epoch:,}",
        "{loss:.3g}",
        "{epoch:.1f}",
        "{epoch:e}",
        "{epoch:5}",
        "{epoch:<5}",
        "{epoch:^7d}",
        "{epoch:+d}",
        "{epoch:05}",
        "{epoch:%}",
        "{loss:^12.2e}",
        "{loss:_.1f}",
        "{loss:#<9.1f}",
        "{loss: .2f}",
        "{loss:12}",
        "{loss:012}",
        "{loss:.2}",
        "{loss:n}",
        "{loss:G}",
        "{loss:F}",
        "{loss:.0f}",
        "{loss:.0e}",
        "{val_loss}",
        "{batch}",
        "{0}",
        "{loss:d}",
        "{loss",
        "{epoch:.2d}",
        "{}",
        "{loss:z}",
    ):
        for value in (0.5, 1234.5625):
            add(
                f"template {template} with {value}",
                logs_of("loss", value),
                f"{template}.keras",
                monitor="loss",
            )
    add("a log key called batch", [{}], "{epoch}-{batch}.keras", [{"batch": 77.0}], save_freq=1)
    add("a log key called epoch", [{"epoch": 5.0}], monitor="loss")
    random = scenarios.random
    for i in range(40):
        monitor, mode = watched(random)
        options = pick(
            random,
            save_best_only=[None, True, True],
            verbose=[None, 1],
            initial_value_threshold=[None, None, 0.5, 1.25],
        )
        runs = [
            [scenarios.epoch(monitor) for _ in range(random.randrange(2, 7))]
            for _ in range(random.choice([1, 1, 2]))
        ]
        # `best` goes on over the runs, so a threshold or a number of the first run comes first.
        is_first = (
            "initial_value_threshold" not in options
            and "save_best_only" in options
            and nan_is_first([sum(runs, [])], monitor)
        )
        scenarios.add(
            f"random {i}{', NaN is first' if is_first else ''}",
            [
                "ModelCheckpoint",
                dict(filepath="{epoch}.keras", monitor=monitor, mode=mode, **options),
            ],
            runs=runs,
        )
    for i in range(10):
        freq, batches = random.randrange(1, 9), random.randrange(1, 6)
        add(
            f"random frequency {i}",
            [{}] * random.randrange(2, 7),
            "{epoch}-{batch}-{loss:.1f}.keras",
            [{"loss": random.randrange(8) / 8} for _ in range(batches)],
            save_freq=freq,
        )
    return scenarios
