import { type ProtobufWriter, readFields, readFloat, readText } from "./protobuf.ts";
import { dtypeId, dtypeOf, readShape, type TensorDType, writeShape } from "./tensor.ts";

/** An attribute of a node. A whole number is written as an integer. */
export type GraphAttribute =
  | string
  | number
  | boolean
  | { dtype: TensorDType | number }
  /** -1 is an unknown dimension, null an unknown rank. */
  | { shape: readonly number[] | null }
  /** `_output_shapes`, with one shape for each output, labels the edges in TensorBoard. */
  | { shapes: readonly (readonly number[] | null)[] };

/** One operation of a graph. */
export interface GraphNode {
  /** Unique name; slashes group the nodes. */
  name: string;
  /** Name of the operation, such as `"MatMul"`. */
  op: string;
  /** Names of nodes; `name:1` is the second output, `^name` a control dependency. Default: none. */
  inputs?: readonly string[];
  /** Device. Default: none. */
  device?: string;
  /** Attributes by name. Default: none. */
  attributes?: Readonly<Record<string, GraphAttribute>>;
}

/** A graph of operations. */
export interface GraphDefLike {
  /** Operations, in any order. */
  nodes: readonly GraphNode[];
}

/** Write a `GraphDef`; attributes are sorted by name. */
export function writeGraph(out: ProtobufWriter, graph: GraphDefLike): void {
  for (const { name, op, inputs = [], device, attributes = {} } of graph.nodes) {
    out.message(1, () => {
      out.text(1, name);
      out.text(2, op);
      for (const input of inputs) out.text(3, input);
      if (device) out.text(4, device);
      for (const key of Object.keys(attributes).sort()) {
        out.message(5, () => {
          out.text(1, key);
          out.message(2, () => writeAttribute(out, attributes[key]));
        });
      }
    });
  }
}

function writeAttribute(out: ProtobufWriter, value: GraphAttribute): void {
  if (typeof value === "string") return out.text(2, value);
  if (typeof value === "boolean") return out.varint(5, value ? 1 : 0);
  if (typeof value === "number") {
    return Number.isSafeInteger(value) ? out.varint(3, value) : out.float(4, value);
  }
  if ("dtype" in value) {
    return out.varint(6, typeof value.dtype === "number" ? value.dtype : dtypeId(value.dtype));
  }
  if ("shape" in value) return out.message(7, () => writeShape(out, value.shape));
  out.message(1, () => {
    for (const shape of value.shapes) out.message(7, () => writeShape(out, shape));
  });
}

/** Read a `GraphDef`, without the attributes that {@linkcode GraphAttribute} cannot represent. */
export function readGraph(bytes: Uint8Array): GraphDefLike {
  const nodes: GraphNode[] = [];
  for (const { number, bytes: node } of readFields(bytes)) {
    if (number === 1) nodes.push(readNode(node));
  }
  return { nodes };
}

function readNode(bytes: Uint8Array): GraphNode {
  const node = { name: "", op: "", inputs: [] as string[], device: "" };
  const attributes: Record<string, GraphAttribute> = {};
  for (const { number, bytes: value } of readFields(bytes)) {
    if (number === 1) node.name = readText(value);
    if (number === 2) node.op = readText(value);
    if (number === 3) node.inputs.push(readText(value));
    if (number === 4) node.device = readText(value);
    if (number !== 5) continue;
    let key = "";
    for (const { number, bytes } of readFields(value)) {
      if (number === 1) key = readText(bytes);
      const attribute = number === 2 ? readAttribute(bytes) : undefined;
      if (attribute !== undefined) attributes[key] = attribute;
    }
  }
  return { ...node, attributes };
}

function readAttribute(bytes: Uint8Array): GraphAttribute | undefined {
  for (const { number, integer, bytes: value } of readFields(bytes)) {
    if (number === 1) {
      const shapes = [...readFields(value)].filter((field) => field.number === 7);
      return { shapes: shapes.map((field) => readShape(field.bytes)) };
    }
    if (number === 2) return readText(value);
    if (number === 3) return Number(integer);
    if (number === 4) return readFloat(value);
    if (number === 5) return integer !== 0n;
    if (number === 6) return { dtype: dtypeOf(Number(integer)) };
    if (number === 7) return { shape: readShape(value) };
  }
}
