import type { Expression, Formula } from "./formula.ts";

/** Number of elements that a workgroup updates, one for each of its invocations. */
export const blockSize = 64;

/** Maximum number of workgroups in each dimension of a dispatch that every device accepts. */
export const maxBlocks = 65_535;

/**
 * Write a compute shader in WGSL that applies a formula to several variables. Its bindings are a
 * uniform buffer of {@linkcode uniformsOf}, then the arrays of each variable in the formula's
 * order, the last one read-only.
 *
 * WGSL lets a compiler fuse operations: `a * b + c` into one that rounds once, `a / sqrt(b)` into an
 * approximation. TensorFlow.js computes each operation in a separate kernel. To round as it does, each
 * result passes through an exclusive or with a uniform 0, which prevents fusion.
 *
 * @param count number of variables
 */
export function shaderOf(formula: Formula, count: number): string {
  const { arrays, scalars, steps } = formula;
  const cells = arrays.slice(0, -1);
  const gradient = arrays[arrays.length - 1];
  const declared = new Set(arrays);
  const assignments = steps.map(([name, value]) => {
    const keyword = declared.has(name) ? "" : "let ";
    declared.add(name);
    return `  ${keyword}${name} = ${textOf(value, scalars)};`;
  });
  const variables = Array.from({ length: count }, (_, i) => i);
  return `
struct Uniforms {
  zero: u32,
${scalars.map((scalar) => `  ${scalar}: f32,`).join("\n")}
}

struct Numbers {
${cells.map((cell) => `  ${cell}: f32,`).join("\n")}
}

@group(0) @binding(0) var<uniform> uniforms: Uniforms;
${
    variables.flatMap((i) =>
      arrays.map((array, j) => {
        const access = array === gradient ? "read" : "read_write";
        const binding = 1 + i * arrays.length + j;
        return `@group(0) @binding(${binding}) var<storage, ${access}> ${array}${i}: array<f32>;`;
      })
    ).join("\n")
  }

fn rounded(value: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(value) ^ uniforms.zero);
}

fn isNaN(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

fn maximum(left: f32, right: f32) -> f32 {
  return select(select(max(left, right), right, isNaN(right)), left, isNaN(left));
}

fn updated(old: Numbers, ${gradient}: f32) -> Numbers {
${cells.map((cell) => `  var ${cell} = old.${cell};`).join("\n")}
${assignments.join("\n")}
  return Numbers(${cells.join(", ")});
}

@compute @workgroup_size(${blockSize})
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  var block = workgroup.y * workgroups.x + workgroup.x;
${
    variables.map((i) => `
  let size${i} = arrayLength(&${gradient}${i});
  let blocks${i} = (size${i} + ${blockSize - 1}u) / ${blockSize}u;
  if (block < blocks${i}) {
    let at = block * ${blockSize}u + local;
    if (at < size${i}) {
      let new${i} = updated(Numbers(${
      cells.map((cell) => `${cell}${i}[at]`).join(", ")
    }), ${gradient}${i}[at]);
${cells.map((cell) => `      ${cell}${i}[at] = new${i}.${cell};`).join("\n")}
    }
    return;
  }
  block -= blocks${i};`).join("\n")
  }
}
`;
}

/** The content of the uniform buffer: the 0 of the shader, then the scalars. */
export function uniformsOf(scalars: readonly number[]): Float32Array<ArrayBuffer> {
  // Padded to the 16 bytes to which some devices align uniforms.
  const values = new Float32Array(Math.ceil((1 + scalars.length) / 4) * 4);
  values.set(scalars, 1);
  return values;
}

const operators = { add: "+", sub: "-", mul: "*", div: "/" } as const;

function textOf(of: Expression, scalars: readonly string[]): string {
  if (typeof of === "string") return scalars.includes(of) ? `uniforms.${of}` : of;
  const [operation, ...operands] = of;
  const [left, right] = operands.map((operand) => textOf(operand as Expression, scalars));
  switch (operation) {
    case "isStuck":
      return "0.0";
    case "unlessStuck":
    case "whereStuck":
      return left;
    case "abs":
      return `abs(${left})`;
    case "sqrt":
      return `rounded(sqrt(${left}))`;
    case "max":
      return `maximum(${left}, ${right})`;
    case "largerOf":
      return `select(${left}, ${right}, ${left} < ${right})`;
    default:
      return `rounded(${left} ${operators[operation]} ${right})`;
  }
}
