"""Writes the event files in events/ with TensorBoard's own code.

    pip install tensorboard==2.21.0 numpy
    python tests/golden/make_events.py

Every time is fixed, so the files come out the same each time. tensorboard/golden_test.ts
writes the same summaries with keepfit and compares the bytes.
"""

import pathlib

import numpy as np
from google.protobuf import text_format
from tensorboard.compat.proto import event_pb2, graph_pb2, summary_pb2, types_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar_metadata
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.plugins.hparams import summary_v2 as hparams_v2
from tensorboard.plugins.histogram import summary_v2 as histogram_v2
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.pr_curve import metadata as pr_curve_metadata
from tensorboard.plugins.projector import projector_config_pb2
from tensorboard.plugins.scalar import summary_v2 as scalar_v2
from tensorboard.plugins.text import summary_v2 as text_v2
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

FOLDER = pathlib.Path(__file__).parent / "events"
WALL_TIME = 1700000000.25


def write(name, events):
    with open(FOLDER / f"{name}.tfevents", "wb") as file:
        writer = RecordWriter(file)
        header = event_pb2.Event(wall_time=WALL_TIME, file_version="brain.Event:2")
        header.source_metadata.writer = "keepfit"
        for event in [header, *events]:
            event.wall_time = WALL_TIME
            writer.write(event.SerializeToString(deterministic=True))


def event(summary, step):
    return event_pb2.Event(step=step, summary=summary)


def value(tag, tensor, metadata):
    summary = summary_pb2.Summary()
    summary.value.add(tag=tag, tensor=tensor, metadata=metadata)
    return summary


def plugin_metadata(name, content=b""):
    return summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name=name, content=content)
    )


def scalars():
    yield event(scalar_v2.scalar_pb("loss", 0.5), 0)
    yield event(scalar_v2.scalar_pb("loss", 0.1, description="the *loss*"), 1)
    yield event(scalar_v2.scalar_pb("loss", float("nan")), 300)
    yield event(scalar_v2.scalar_pb("verlust/größe", float("-inf")), 2**53 - 1)
    yield event(scalar_v2.scalar_pb("loss", 1e30), -1)
    yield event(scalar_v2.scalar_pb("t" * 200, 3), 2**32)


def histograms():
    values = [((i * 37) % 101) / 8 - 6 for i in range(500)]
    yield event(histogram_v2.histogram_pb("kernel", values), 1)
    yield event(histogram_v2.histogram_pb("kernel", values, buckets=7), 2)
    yield event(histogram_v2.histogram_pb("equal", [0.25] * 5), 1)
    yield event(histogram_v2.histogram_pb("empty", []), 1)
    yield event(histogram_v2.histogram_pb("one", [3.5], buckets=1), 1)


def texts():
    yield event(text_v2.text_pb("text", "with **dropout** – é"), 0)
    yield event(text_v2.text_pb("text", ["one", "two"]), 1)
    yield event(text_v2.text_pb("text", [["a", "b"], ["c", "d"], ["e", ""]]), 2)


def tensors():
    metadata = plugin_metadata("mine", b"\x00\xff")
    for step, array in enumerate(
        [
            np.array([[1, -2], [3, 4]], np.int32),
            np.array(-5, np.int32),
            np.array([1, 2**60], np.int64),
            np.array(-(2**40), np.int64),
            np.array([200, 7], np.uint8),
            np.array([True, False, True]),
            np.array(True),
            np.array(1.5, np.float64),
            np.array([], np.float64),
            np.array([[[1.5]]], np.float32),
        ]
    ):
        yield event(value("tensor", tensor_util.make_tensor_proto(array), metadata), step)
    tensor = tensor_util.make_tensor_proto('{"class_name": "Sequential"}')
    yield event(value("keras", tensor, plugin_metadata("graph_keras_model", b"1")), 0)


def images():
    # What stands for the PNG: encoders differ, and the test compares the pixels.
    tensor = tensor_util.make_tensor_proto([b"2", b"1", b"PNG"])
    metadata = image_metadata.create_summary_metadata(None, None)
    yield event(value("image", tensor, metadata), 4)


def hparams():
    params = {"lr": 0.5, "units": 0, "optimizer": "adam", "dropout": False}
    experiment = api_pb2.Experiment(
        time_created_secs=WALL_TIME,
        hparam_infos=[
            api_pb2.HParamInfo(name="dropout", type=api_pb2.DATA_TYPE_BOOL),
            api_pb2.HParamInfo(name="lr", type=api_pb2.DATA_TYPE_FLOAT64),
            api_pb2.HParamInfo(name="optimizer", type=api_pb2.DATA_TYPE_STRING),
            api_pb2.HParamInfo(name="units", type=api_pb2.DATA_TYPE_FLOAT64),
        ],
        metric_infos=[
            hparams_v2.Metric("epoch_loss", group="validation", display_name="Loss").as_proto(),
            hparams_v2.Metric("epoch_acc", description="right").as_proto(),
        ],
    )
    end = plugin_data_pb2.SessionEndInfo(
        status=api_pb2.STATUS_SUCCESS, end_time_secs=WALL_TIME
    )
    null = hparams_metadata.NULL_TENSOR

    def metadata(data):
        # Their own function serializes the map in whatever order.
        return plugin_metadata("hparams", data.SerializeToString(deterministic=True))

    start = plugin_data_pb2.HParamsPluginData.FromString(
        hparams_v2.hparams_pb(params, trial_id="one", start_time_secs=WALL_TIME)
        .value[0]
        .metadata.plugin_data.content
    )
    data = plugin_data_pb2.HParamsPluginData
    yield event(value("_hparams_/experiment", null, metadata(data(experiment=experiment))), 0)
    yield event(value("_hparams_/session_start_info", null, metadata(start)), 0)
    yield event(value("_hparams_/session_end_info", null, metadata(data(session_end_info=end))), 0)


def graphs():
    graph = graph_pb2.GraphDef()
    x = graph.node.add(name="x", op="Placeholder")
    x.attr["dtype"].type = types_pb2.DT_FLOAT
    shape = x.attr["_output_shapes"].list.shape.add()
    shape.dim.add(size=-1)
    shape.dim.add(size=784)
    y = graph.node.add(name="dense/MatMul", op="MatMul", input=["x", "^x"], device="/CPU:0")
    y.attr["units"].i = 10
    y.attr["rate"].f = 0.5
    y.attr["flag"].b = False
    y.attr["name"].s = b"dense"
    y.attr["shape"].shape.dim.add(size=0)
    y.attr["any"].shape.unknown_rank = True
    yield event_pb2.Event(graph_def=graph.SerializeToString(deterministic=True))


def pr_curves():
    # What plugins/pr_curve/summary.py computes; it needs TensorFlow to be run.
    labels = np.array([i % 3 == 0 for i in range(40)])
    predictions = np.array([((i * 29) % 41) / 40 for i in range(40)])
    weights = np.array([1 + i % 2 for i in range(40)], float)
    for step, (count, weight) in enumerate([(5, np.ones(40)), (201, weights)]):
        buckets = np.int32(np.floor(predictions * (count - 1)))
        tp, _ = np.histogram(buckets, range(count + 1), weights=labels * weight)
        fp, _ = np.histogram(buckets, range(count + 1), weights=(1 - labels) * weight)
        tp, fp = np.cumsum(tp[::-1])[::-1], np.cumsum(fp[::-1])[::-1]
        tn, fn = fp[0] - fp, tp[0] - tp
        precision = tp / np.maximum(1e-7, tp + fp)
        recall = tp / np.maximum(1e-7, tp + fn)
        data = np.float32(np.stack([tp, fp, tn, fn, precision, recall]))
        metadata = pr_curve_metadata.create_summary_metadata(None, None, count)
        yield event(value("pr", tensor_util.make_tensor_proto(data), metadata), step)


def custom_scalars():
    series = layout_pb2.MarginChartContent.Series(value="loss", lower="low", upper="high")
    layout = layout_pb2.Layout(
        category=[
            layout_pb2.Category(
                title="losses",
                chart=[
                    layout_pb2.Chart(
                        title="all",
                        multiline=layout_pb2.MultilineChartContent(tag=["loss", "val_.*"]),
                    ),
                    layout_pb2.Chart(
                        title="margin", margin=layout_pb2.MarginChartContent(series=[series])
                    ),
                ],
            ),
            layout_pb2.Category(title="more", closed=True),
        ]
    )
    tensor = tensor_util.make_tensor_proto(layout.SerializeToString())
    metadata = custom_scalar_metadata.create_summary_metadata()
    yield event(value(custom_scalar_metadata.CONFIG_SUMMARY_TAG, tensor, metadata), 0)


def old():
    # As tensorboardX and PyTorch write it, and TensorFlow 1: no plugin, no tensor.
    yield event(summary_pb2.Summary(value=[{"tag": "loss", "simple_value": 0.25}]), 1)
    image = summary_pb2.Summary.Image(width=2, height=1, encoded_image_string=b"PNG")
    yield event(summary_pb2.Summary(value=[{"tag": "image", "image": image}]), 2)
    yield event_pb2.Event(step=3, session_log=event_pb2.SessionLog(status=1))
    tensor = tensor_util.make_tensor_proto(np.array([1, 2], np.float16))
    yield event(summary_pb2.Summary(value=[{"tag": "half", "tensor": tensor}]), 4)


def projector_config():
    config = projector_config_pb2.ProjectorConfig()
    config.embeddings.add(tensor_name="layer/embeddings", metadata_path="it's \"é\"\\\t\n.tsv")
    embedding = config.embeddings.add(tensor_name="words", tensor_path="words.tsv")
    embedding.tensor_shape.extend([10, 3])
    embedding.bookmarks_path = "marks.json"
    embedding.sprite.image_path = "sprite.png"
    embedding.sprite.single_image_dim.extend([28, 14])
    return text_format.MessageToString(config)


FOLDER.mkdir(exist_ok=True)
for make in [
    scalars,
    histograms,
    texts,
    tensors,
    images,
    hparams,
    graphs,
    pr_curves,
    custom_scalars,
    old,
]:
    write(make.__name__, make())
(FOLDER / "projector_config.pbtxt").write_text(projector_config())
