import type * as tf from "@tensorflow/tfjs";

// Types of TensorFlow.js in public signatures. They are derived from its values, because
// `deno doc --lint` takes the declarations of another package for private ones.

/** A model: `tf.LayersModel`. */
export type LayersModel = InstanceType<(typeof tf)["LayersModel"]>;

/** A stack of layers: `tf.Sequential`. */
export type Sequential = InstanceType<(typeof tf)["Sequential"]>;

/** An optimizer: `tf.Optimizer`. */
export type Optimizer = InstanceType<(typeof tf)["Optimizer"]>;

/** A tensor of any rank: `tf.Tensor`. */
export type Tensor = InstanceType<(typeof tf)["Tensor"]>;

/** A matrix: `tf.Tensor2D`. */
export type Tensor2D = ReturnType<(typeof tf)["tensor2d"]>;

/** Batches that are computed as they are read: `tf.data.Dataset`. */
export type Dataset = InstanceType<(typeof tf)["data"]["Dataset"]>;

/** Reads and writes models: `tf.io.IOHandler`. */
export type IOHandler = ReturnType<(typeof tf)["io"]["browserFiles"]>;

/** Hooks of a callback of tfjs: `tf.CustomCallbackArgs`. */
export type CustomCallbackArgs = ConstructorParameters<(typeof tf)["CustomCallback"]>[0];
