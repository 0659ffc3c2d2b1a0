"""What writes, prints and sends."""

import contextlib
import http.server
import io
import math
import re
import threading
import types

import keras
from keras.src.utils import progbar
from keras_driver import EVERY_HOOK, Scenarios, World, logs_of, play

NAN, INF = math.nan, math.inf


def csv_logger():
    scenarios = Scenarios("csv_logger")

    def add(name, runs, **options):
        scenarios.add(name, ["CSVLogger", dict(filename="log.csv", **options)], runs=runs)

    loss = logs_of("loss", 0.5, 0.25)
    add("two epochs", [loss])
    add(
        "float32",
        [
            [
                {"loss": 0.1, "acc": 1.0},
                {"loss": NAN, "acc": 0.10000000149011612, "extra": 3.0},
                {"loss": -INF},
            ]
        ],
    )
    add(
        "what is no number",
        [
            [
                {
                    "v": [1, 2.5],
                    "x": 3.5,
                    "y": "a,b",
                    "z": 'q"q',
                    "t": [1, "b"],
                    "val_q": None,
                    "b": True,
                }
            ]
        ],
    )
    add(
        "line ends and blanks in text",
        [[{"a": "one\ntwo", "b": " x ", "c": "", "d": "x;y", "e": "\r", "f": "tab\t"}]],
    )
    add("empty at first", [[{}, {"b": 2.0}]])
    add("semicolon", [logs_of("b", 1.5)], separator=";")
    add("text and semicolon", [[{"b": "x;y", "c": "a,b"}]], separator=";")
    add(
        "Keras's test: tab",
        [[{"loss": 1.0, "mse": 1.0, "val_loss": 2.0, "val_mse": 2.0}]],
        separator="\t",
    )
    add(
        "Keras's test: validation_freq 3",
        [
            [
                {"loss": 1.0},
                {"loss": 1.0},
                {"loss": 1.0, "val_loss": 2.0},
                {"loss": 1.0},
                {"loss": 1.0},
            ]
        ],
    )
    add("Keras's test: NaN", [[{"loss": NAN}]])
    add("two runs replace", [loss, loss])
    add("append, no file", [loss], append=True)
    add("append twice", [loss, loss], append=True)
    add("append other keys", [loss, [{"zz": 1.0, "val_zz": 2.0}]], append=True)
    add("append fewer keys", [[{"acc": 1.0, "loss": 1.0, "val_loss": 1.0}], loss], append=True)
    add("no epoch", [[]])
    add("append, no epoch", [[], loss], append=True)
    add("a key called epoch", [[{"epoch": 7.0, "loss": 1.0}]])
    add("a later key", [[{"loss": 1.0}, {"loss": 1.0, "acc": 1.0}]])
    add("keys out of order", [[{"b": 1.0, "a": 2.0, "B": 3.0, "val_a": 4.0}]])
    add("quoted header", [[{'a"b': 1.0, "c,d": 2.0}]])
    numbers = [
        0.0,
        -0.0,
        1e-5,
        1e-4,
        1.5e-7,
        1e15,
        1e16,
        1e17,
        123456789.125,
        1 / 3,
        5e-324,
        1.7976931348623157e308,
        0.1 + 0.2,
        100.0,
        1e22,
        -1e-10,
        2.5,
        1e21,
        123456.789e3,
    ]
    add("numbers", [logs_of("loss", *numbers)])
    add(
        "numeric text",
        [
            [
                {
                    "a": "1",
                    "b": "1e3",
                    "c": " 2.5 ",
                    "d": "nan",
                    "e": "-inf",
                    "f": "1_000",
                    "g": "0x10",
                    "h": "infinity",
                    "i": "+.5",
                    "j": "1.",
                    "k": "1e",
                    "l": "NaN",
                    "m": "0b1",
                    "n": "Infinity",
                    "o": "1__0",
                }
            ]
        ],
    )
    for first in (True, False):
        rate = ["LearningRateScheduler", {"schedule": {"times": 0.5}}]
        csv = ["CSVLogger", {"filename": "log.csv"}]
        scenarios.add(
            f"rate {'before' if first else 'after'} it", [rate, csv] if first else [csv, rate], loss
        )
    random = scenarios.random

    def number():
        return float(f"{random.randrange(-10**7, 10**7)}e{random.randrange(-15, 9)}")

    for i in range(30):
        runs = [
            [scenarios.epoch("loss") | {"loss": number()} for _ in range(random.randrange(1, 6))]
            for _ in range(random.choice([1, 1, 2]))
        ]
        add(f"random {i}", runs, separator=random.choice([",", ";", "\t", "|"]))
    return scenarios


def progress():
    scenarios = Scenarios("progbar")
    random = scenarios.random

    def logs():
        names = random.sample(["loss", "acc", "mse", "val_loss"], random.randrange(4))
        return {
            name: random.choice([1, -1, 1]) * random.randrange(4096) / random.choice([1, 64, 2**22])
            for name in names
        }

    def add(name, verbose=1, epochs=1, steps=4, batches=None, kind="train", runs=1, clock=None):
        world = World(
            name, [["ProgbarLogger", {}]], params=dict(verbose=verbose, epochs=epochs, steps=steps)
        )
        for _ in range(runs):
            world.step(f"{kind}_begin")
            for epoch in range(epochs):
                if kind == "train":
                    world.step("epoch_begin", epoch)
                for batch in range(steps if batches is None else batches):
                    world.step(
                        "clock", clock or random.choice([0, 1 / 64, 1 / 16, 1 / 8, 1, 1, 70])
                    )
                    world.step(f"{kind}_batch_begin", batch)
                    world.step(f"{kind}_batch_end", batch, logs())
                world.step("clock", random.choice([1 / 16, 1 / 4]))
                if kind == "train":
                    world.step("epoch_end", epoch, logs())
            world.step(f"{kind}_end", logs() if kind == "test" else {})
        scenarios.append(world.done())

    for verbose in (0, 1, 2, "auto"):
        for steps in (4, None):
            add(f"verbose {verbose}, steps {steps}", verbose, 2, steps, 4)
    add("one epoch has no title", 1, 1)
    add("stopped early", 1, 2, 10, 3)
    add("target 0", 1, 1, 0, 0)
    add("target 0, verbose 2", 2, 1, 0, 0)
    add("three digits", 1, 1, 120, 12)
    add("hours", 1, 1, 50, 6, clock=300)
    add("minutes", 1, 1, 50, 6, clock=4)
    add("microseconds", 1, 1, 9, 9, clock=2.0**-16)
    add("milliseconds", 1, 1, 40, 40, clock=2.0**-6)
    for kind in ("test", "predict"):
        for verbose in (1, 2):
            for steps in (4, None):
                add(f"{kind}, verbose {verbose}, steps {steps}", verbose, 1, steps, 4, kind)
        add(f"{kind} twice", 1, 1, 3, 3, kind, 2)
    world = World(
        "silent in validation, and after a fit",
        [["ProgbarLogger", {}]],
        params=dict(verbose=1, epochs=1, steps=1),
    )
    # A second before each, so that a bar would be drawn.
    hooks = [step for step in EVERY_HOOK if "predict" not in step[0]]
    alone = [["test_begin"], ["test_batch_end", 0, {"loss": 2.0}], ["test_end", {"loss": 2.0}]]
    scenarios.append(
        play(world, *(one for step in hooks + alone for one in (["clock", 1.0], step)))
    )
    for value in (
        0.0,
        -0.0,
        1e-3,
        1.001e-3,
        -0.5,
        -1e-4,
        5e-4,
        NAN,
        INF,
        -INF,
        12345.678945,
        1e15,
        1e25,
        0.00005,
        0.12345,
        2.5,
        0.03125,
        0.00006103515625,
        999.99999,
        9.99995e-4,
    ):
        for verbose in (1, 2):
            world = World(
                f"value {value}, verbose {verbose}",
                [["ProgbarLogger", {}]],
                params=dict(verbose=verbose, epochs=1, steps=1),
            )
            scenarios.append(
                play(
                    world,
                    ["train_begin"],
                    ["epoch_begin", 0],
                    ["clock", 1.0],
                    ["epoch_end", 0, {"loss": value}],
                )
            )
    add("more batches than steps", 1, 1, 3, 5)
    for i in range(25):
        steps = random.choice([None, 3, 5, 12])
        add(
            f"random {i}",
            random.choice([1, 1, 2]),
            random.randrange(1, 4),
            steps,
            random.randrange(1, 1 + (steps or 5)),
        )
    return scenarios


def bar_cells():
    """How many cells of the bar are full, for each step of many targets."""
    cells = {}
    for target in [*range(1, 101), 128, 150, 200, 250, 300, 1000]:
        row = []
        for current in range(1, target + 1):
            progbar.time = types.SimpleNamespace(time=lambda: 1000.0 + current)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                keras.utils.Progbar(target).update(current)
            row.append(len(re.search("\x1b\\[32m(━*)|$", out.getvalue()).group(1) or ""))
        cells[target] = row
    return cells


def remote_monitor():
    scenarios = Scenarios("remote_monitor")
    heard = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            heard.append([self.path, self.headers["content-type"], self.headers["x-run"], body])
            self.send_response(500 if "broken" in self.path else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}"

    def add(name, epochs, initial_epoch=0, **options):
        world = World(name, [["RemoteMonitor", {"root": "server"} | options]], root=root)
        world.requests = heard
        scenarios.append(world.fit(epochs, initial_epoch=initial_epoch).done())

    loss = logs_of("loss", 0.5, 0.25)
    for json in (False, True):
        way = dict(send_as_json=json)
        form = "as JSON" if json else "in a form"
        add(f"two epochs {form}", loss, **way)
        add(f"no logs {form}", [{}], **way)
        add(f"from a later epoch {form}", loss, 7, **way)
        add(f"another path {form}", loss, path="/other?run=1", **way)
        add(f"no path {form}", loss, path="", **way)
        add(f"headers {form}", loss, headers={"x-run": "one"}, **way)
        add(f"an answer of 500 {form}", loss, path="/broken", **way)
        add(
            f"whole numbers and small ones {form}",
            [{"a": 1.0, "b": 1e-7, "c": 1e20, "d": -0.0, "e": 1 / 3}],
            **way,
        )
        add(
            f"names that need escapes {form}",
            [{'a"b': 1.0, "ä/b": 2.0, "c d&e=f+g%": 3.0, "€😀": 4.0, "~*!'()": 5.0, "a\nb": 6.0}],
            **way,
        )
        add(f"a key called epoch {form}", [{"epoch": 5.0, "loss": 1.0}], **way)
        add(f"text and none {form}", [{"a": "b", "c": None, "d": [1.0, 2.0]}], **way)
        add(
            f"NaN and infinite {form}",
            [{"loss": NAN}, {"loss": INF, "acc": -INF}, {"loss": 1.0}],
            **way,
        )
    add("another field", loss, field="logs & more")
    add("no server", loss, root="http://127.0.0.1:9")
    for i in range(10):
        add(
            f"random {i}",
            [
                {
                    name: value
                    for name, value in scenarios.epoch("loss").items()
                    if math.isfinite(value)
                }
                for _ in range(3)
            ],
            send_as_json=scenarios.random.random() < 0.5,
        )
    server.shutdown()
    return scenarios
