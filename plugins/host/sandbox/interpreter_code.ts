import { PluginError } from "../../errors.ts";
import { addLoopFuel, type FueledModule } from "./loop_fuel.ts";

/** QuickJS as WebAssembly. */
export interface InterpreterCode {
  module: WebAssembly.Module;
  /** Its import that is called when its fuel is used up; see `addLoopFuel`. */
  clock: FueledModule["clock"];
}

/**
 * QuickJS, compiled once per process, with loops that burn fuel.
 *
 * @param load the loader function of the package, which contains the code as a string
 * @throws PluginError `E_SANDBOX` if it does not contain the code
 */
export function compileInterpreter(load: object): Promise<InterpreterCode> {
  if (compiled === undefined) {
    compiled = compile(codeOf(load));
    compiled.catch(() => compiled = undefined);
  }
  return compiled;
}

let compiled: Promise<InterpreterCode> | undefined;

async function compile(plain: Uint8Array): Promise<InterpreterCode> {
  const { code, clock } = addLoopFuel(plain);
  return { module: await WebAssembly.compile(code), clock };
}

/**
 * The bytes of the WebAssembly module that a loader function contains as a literal. The package
 * provides no other access to them.
 */
function codeOf(load: object): Uint8Array {
  const text = Function.prototype.toString.call(load);
  const magic = /(["'`])\\(?:0|x00|u0000)asm/.exec(text);
  if (magic !== null) {
    const bytes = decodeLiteral(text, magic.index);
    if (bytes[0] === 0 && bytes[4] === 1) return bytes;
  }
  throw new PluginError(
    "E_SANDBOX",
    "Cannot start a sandbox: the interpreter's code is not found",
    {
      expected: "a WebAssembly module in the loader of quickjs-singlefile-mjs-release-sync",
      hint: "exclude this package when you bundle your program",
    },
  );
}

const escapes: Record<string, number> = { 0: 0, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };

function decodeLiteral(text: string, start: number): Uint8Array {
  const quote = text.charCodeAt(start);
  const bytes = new Uint8Array(text.length - start);
  let length = 0;
  for (let i = start + 1; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code === quote) break;
    if (code === backslash) {
      const letter = text[++i];
      const digits = letter === "x" ? 2 : letter === "u" ? 4 : 0;
      if (digits > 0) {
        code = parseInt(text.slice(i + 1, i + 1 + digits), 16);
        i += digits;
      } else {
        code = escapes[letter] ?? letter.charCodeAt(0);
      }
    }
    // As in the loader, U+0100 represents the byte 0.
    bytes[length++] = code;
  }
  return bytes.subarray(0, length);
}

const backslash = 92;
