import { type ProtobufWriter, readFields, readFloat, readText } from "./protobuf.ts";
import { dtypeId, dtypeOf, readShape, type TensorDType, writeShape } from "./tensor.ts";

/** What is known of a node beside its inputs. A whole number is written as an integer. */
export type GraphAttribute =
  | string
  | number
  | boolean
  | { dtype: TensorDType | number }
  /** A dimension of -1 is unknown; null is an unknown rank. */
  | { shape: readonly number[] | null }
  /** `_output_shapes`, one shape for each output, is what TensorBoard writes on the edges. */
  | { shapes: readonly (readonly number[] | null)[] };

/** One operation of a graph. */
export interface GraphNode {
  /** Unlike any other; slashes group the nodes. */
  name: string;
  /** Name of the operation, such as `"MatMul"`. */
  op: string;
  /** Names of nodes; `name:1` is the second output, `^name` a control dependency. Default: none. */
  inputs?: readonly string[];
  /** Default: none. */
  device?: string;
  /** Default: none. */
  attributes?: Readonly<Record<string, GraphAttribute>>;
}

/** A graph of operations. */
export interface GraphDefLike {
  /** Operations, in any order. */
  nodes: readonly GraphNode[];
}

/** Write what is in a `GraphDef`; attributes in the order of their names. */
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

/** Read a `GraphDef`; attributes of kinds that {@linkcode GraphAttribute} has not are left out. */
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
