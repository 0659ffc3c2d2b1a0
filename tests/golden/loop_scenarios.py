"""What sets rates, stops at NaN, listens and remembers, and the list itself."""

import math

from keras_driver import EVERY_HOOK, HOOKS, Scenarios, World, logs_of, play

NAN, INF = math.nan, math.inf


def learning_rate_scheduler():
    scenarios = Scenarios("learning_rate_scheduler")

    def add(name, schedule, epochs=3, learning_rate=1.0, initial_epoch=0, **options):
        scenarios.add(
            name,
            ["LearningRateScheduler", dict(schedule=schedule, **options)],
            logs_of("loss", *[0.5] * epochs),
            learning_rate=learning_rate,
            initial_epoch=initial_epoch,
        )

    add("halves", {"times": 0.5})
    add("halves, verbose", {"times": 0.5}, verbose=1)
    add("of the epoch alone", {"table": [0.5, 0.25, 1.0]}, verbose=1)
    add("Keras's test: 1 / (2 + epoch)", {"table": [0.5]}, 1)
    add("Keras's test: a quarter after two", {"times": 0.5}, 2, 0.03125)
    add("Keras's test: verbose", {"table": [1.0]}, 1, verbose=1)
    add("from a later epoch", {"table": [0.5, 0.25, 0.125, 0.0625]}, 2, initial_epoch=2)
    add("float32 rates", {"times": 0.1}, 4, 0.1, verbose=1)
    for rate in (0.0, -1.0, 1e-5, 1e20, 123456789.0, 2.0**-20):
        add(f"rate {rate}", {"table": [rate]}, 1, verbose=1)
    for returns in ("none", "int", "text", "nan", "float16"):
        add(f"returns {returns}", {"returns": returns}, 1)
    add("fails with a TypeError", {"fails": "TypeError"}, 1)
    add("fails with a ValueError", {"fails": "ValueError"}, 1)
    scenarios.add("without logs", ["LearningRateScheduler", {"schedule": {"times": 0.5}}], [{}, {}])
    scenarios.add(
        "over two runs",
        ["LearningRateScheduler", {"schedule": {"times": 0.5}}],
        runs=[[{}, {}], [{}]],
    )
    scenarios.add(
        "with a plateau behind it",
        [
            ["LearningRateScheduler", {"schedule": {"times": 0.5}}],
            ["ReduceLROnPlateau", dict(monitor="loss", mode="min", patience=1, factor=0.5)],
        ],
        logs_of("loss", 1, 1, 1),
    )
    random = scenarios.random
    for i in range(20):
        table = [random.randrange(1, 65) / 64 for _ in range(random.randrange(1, 7))]
        add(f"random {i}", {"table": table}, len(table), verbose=random.randrange(2))
    return scenarios


def terminate_on_nan():
    scenarios = Scenarios("terminate_on_nan")
    for error in (False, True):
        for value in (NAN, INF, -INF, 0.0, 1e30, None):
            for at in range(3):
                batches = logs_of("loss", 1, 1, 1)
                batches[at] = {} if value is None else {"loss": value, "acc": 0.5}
                scenarios.add(
                    f"loss {value} in batch {at}, raise_error {error}",
                    ["TerminateOnNaN", dict(raise_error=error)],
                    logs_of("loss", 1, 1),
                    batches=batches,
                )
    scenarios.add(
        "NaN elsewhere",
        ["TerminateOnNaN", {}],
        logs_of("val_loss", NAN),
        batches=[{"loss": 1.0, "acc": NAN}],
    )
    scenarios.add("NaN in the epoch alone", ["TerminateOnNaN", {}], logs_of("loss", NAN, NAN))
    return scenarios


def lambda_callback():
    scenarios = Scenarios("lambda_callback")
    names = [*HOOKS, "on_batch_begin", "on_batch_end"]
    sets = [
        [],
        ["on_batch_end", "on_train_batch_end"],
        ["on_batch_begin", "on_train_batch_begin"],
        ["on_unknown"],
        HOOKS,
        *([name] for name in names),
    ]
    for _ in range(14):
        sets.append(sorted(scenarios.random.sample(names, 4)))
    for hooks in sets:
        name = ", ".join(hooks) if len(hooks) < 14 else "every hook"
        world = World(name or "no hook", [["LambdaCallback", {"hooks": hooks}]])
        scenarios.append(play(world, *EVERY_HOOK))
    return scenarios


def history():
    scenarios = Scenarios("history")

    def add(name, epochs=None, **options):
        scenarios.add(name, ["History", {}], epochs, **options)

    add("two keys", [{"loss": 1.0, "acc": 0.5}, {"loss": 0.5, "acc": 1.0}])
    add(
        "validation now and then",
        [{"loss": 1.0, "val_loss": 2.0}, {"loss": 1.0}, {"loss": 0.5, "val_loss": 1.0}],
    )
    add("empty logs", [{}, {"loss": 1.0}])
    add("no epoch", [])
    add("two runs", runs=[logs_of("loss", 3, 2), logs_of("loss", 2, 1, 0.5)])
    add("from a later epoch", logs_of("loss", 3, 2), initial_epoch=5)
    add("no numbers", [{"loss": NAN, "text": "no", "none": None, "list": [1.0, 2.0]}])
    scenarios.add(
        "with a rate",
        [["LearningRateScheduler", {"schedule": {"times": 0.5}}], ["History", {}]],
        logs_of("loss", 1, 1),
    )
    scenarios.add(
        "before the rate",
        [["History", {}], ["LearningRateScheduler", {"schedule": {"times": 0.5}}]],
        logs_of("loss", 1, 1),
    )
    for i in range(12):
        add(
            f"random {i}",
            [scenarios.epoch("loss") for _ in range(scenarios.random.randrange(1, 7))],
        )
    return scenarios


def callback_list():
    scenarios = Scenarios("callback_list")
    a, b, c = (["Probe", {"name": name}] for name in "abc")
    writer = ["Probe", {"name": "w", "writes": {"extra": 1.0}}]

    def add(name, make, *steps):
        scenarios.append(play(World(name, make), *steps))

    add("every hook, in list order", [a, b, c], *EVERY_HOOK)
    add("a key that one writes", [a, writer, b], *EVERY_HOOK)
    add("a key that the last one writes", [a, writer], *EVERY_HOOK)
    add(
        "one that a later one overwrites",
        [writer, ["Probe", {"name": "v", "writes": {"extra": 2.0}}], a],
        *EVERY_HOOK,
    )
    add(
        "nested lists",
        [a, ["nested", {"callbacks": [b, ["nested", {"callbacks": [c]}]]}]],
        *EVERY_HOOK,
    )
    add("nobody", [], *EVERY_HOOK)
    add("test in train, counted", [a], ["train_begin"], ["test_begin"], ["test_end"], ["train_end"])
    add("an end without its begin", [a], ["train_end"])
    add(
        "no logs",
        [a],
        *[
            step[:2] if "batch" in step[0] or "epoch" in step[0] else step[:1]
            for step in EVERY_HOOK
        ],
    )
    odd = {
        "sorted": {"b": 1.0, "a": 2.0, "B": 3.0, "_": 4.0, "ä": 5.0, "val_a": 6.0, "": 7.0},
        "beyond the basic plane": {"\U0001f600": 1.0, "ﬁ": 2.0},
        "booleans": {"yes": True, "no": False},
        "numeric text": {"one": "1", "two": " 2.5 ", "exp": "1e3"},
        "text that only Python reads": {"a": "1_000", "b": "infinity", "c": "-nan", "d": "nan"},
        "text that only JavaScript reads": {"a": "0x10", "b": "0b11", "c": "0o7"},
        "other text": {"a": "no", "b": "", "c": " "},
        "nothing": {"none": None},
        "lists": {"list": [1.0, 2.0], "one": [1.0]},
        "nested": {"b": 1.0, "inner": {"z": 2.0, "a": 3.0}},
        "nested twice": {"inner": {"deep": {"x": True}}},
        "a nested key of the same name": {"a": 1.0, "b": {"a": 2.0}},
        "a later key over a nested one": {"a": {"b": 2.0}, "b": 1.0},
        "integers": {"a": 1, "b": 2**40},
        "not finite": {"a": NAN, "b": INF, "c": -INF},
    }
    for name, logs in odd.items():
        add(f"logs: {name}", [a], ["train_begin"], ["epoch_end", 0, logs])
    add("History and the rate", [a, ["History", {}]], *EVERY_HOOK)
    random = scenarios.random
    for i in range(12):
        make = [
            ["Probe", {"name": f"p{n}", "writes": {random.choice("xyz"): n / 4}}]
            for n in range(random.randrange(1, 5))
        ]
        add(f"random {i}", make, *random.sample(EVERY_HOOK[1:9], 5))
    return scenarios
