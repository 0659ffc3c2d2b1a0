"""Makes the traces: what Keras's own callbacks do, step by step, for the replay to compare.

Run it outside of the repository's tools, with the very versions that are asked for:

    python -m venv /tmp/keras && /tmp/keras/bin/pip install keras==3.15.1 jax requests
    KERAS_BACKEND=jax /tmp/keras/bin/python tests/golden/make_traces.py [group ...]

It is deterministic: a second run writes the same bytes. With a Python of that kind in
KEEPFIT_PYTHON, replay_test.ts runs it and compares.
"""

import argparse
import inspect
import json
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
# Nothing but traces is to be left in the repository.
sys.dont_write_bytecode = True

import checkpoint_scenarios
import fit_scenarios
import keras
import loop_scenarios
import monitor_scenarios
import output_scenarios
from keras_driver import SEED, plain

TRACES = pathlib.Path(__file__).parent / "traces"

GROUPS = [
    monitor_scenarios.early_stopping,
    monitor_scenarios.reduce_lr_on_plateau,
    checkpoint_scenarios.model_checkpoint,
    loop_scenarios.learning_rate_scheduler,
    loop_scenarios.terminate_on_nan,
    loop_scenarios.lambda_callback,
    loop_scenarios.history,
    output_scenarios.csv_logger,
    output_scenarios.progress,
    output_scenarios.remote_monitor,
    loop_scenarios.callback_list,
    fit_scenarios.hook_order,
]


def write(folder, name, **content):
    head = {"keras": keras.__version__, "seed": SEED}
    text = json.dumps(head | content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # One scenario a line: a change shows where it is.
    text = text.replace('},{"name":', '},\n{"name":').replace('[{"name":', '[\n{"name":')
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def signatures():
    """The parameters of each public callback, with their defaults."""
    found = {}
    for name, kind in sorted(vars(keras.callbacks).items()):
        if inspect.isclass(kind):
            parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
            found[name] = {
                ("**" if each.kind is each.VAR_KEYWORD else "")
                + each.name: "required" if each.default is each.empty else repr(each.default)
                for each in parameters
            }
    return found


def main(wanted, folder):
    folder.mkdir(exist_ok=True)
    total = 0
    for make in GROUPS:
        group = make.__name__
        if wanted and group not in wanted:
            continue
        scenarios = make()
        names = [each["name"] for each in scenarios]
        assert len(names) == len(set(names)), f"{group} has a name twice"
        write(folder, group, group=group, scenarios=list(scenarios))
        total += len(scenarios)
        print(group, len(scenarios), flush=True)
    if not wanted:
        write(folder, "bar_cells", cells=plain(output_scenarios.bar_cells()))
        write(folder, "signatures", callbacks=signatures())
    print(total, "scenarios")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("group", nargs="*", help="make these groups alone")
    parser.add_argument("--into", type=pathlib.Path, default=TRACES, help="folder to write to")
    given = parser.parse_args()
    main(given.group, given.into)
