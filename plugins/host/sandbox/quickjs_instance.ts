import type {
  EmscriptenModuleLoader,
  EmscriptenModuleLoaderOptions,
  QuickJSEmscriptenModule,
  QuickJSSyncVariant,
  QuickJSWASMModule,
} from "quickjs-emscripten-core";
import { compileInterpreter } from "./interpreter_code.ts";
import { fuelExport } from "./loop_fuel.ts";

/** QuickJS in its own memory. */
export interface QuickJSInstance {
  wasm: QuickJSWASMModule;
  memory: WebAssembly.Memory;
  /** Maximum size of its memory in bytes. */
  maxBytes: number;
}

/** Fuel for about a millisecond, in loops of three to five instructions. */
const tank = 200_000;

const pageSize = 65536;
const mostPages = 32768;
const firstPages = 256;

/**
 * Start an instance.
 *
 * @param room bytes by which its memory may grow beyond the initial size
 * @param look called about once per millisecond of computing; if it throws, the instance is
 *   interrupted and must not be entered again
 */
export async function startQuickJS(room: number, look: () => void): Promise<QuickJSInstance> {
  const [core, { default: variant }] = await Promise.all([
    import("quickjs-emscripten-core"),
    import("@jitl/quickjs-singlefile-mjs-release-sync"),
  ]);
  const maximum = Math.min(firstPages + Math.ceil(room / pageSize), mostPages);
  const memory = new WebAssembly.Memory({ initial: firstPages, maximum });
  let fuel: WebAssembly.Global<"i32"> | undefined;
  const own: QuickJSSyncVariant = {
    ...variant,
    async importModuleLoader() {
      const load = await variant.importModuleLoader();
      const loadModule = ("default" in load ? load.default : load) as EmscriptenModuleLoader<
        QuickJSEmscriptenModule
      >;
      const { module, clock } = await compileInterpreter(loadModule);
      const options: EmscriptenModuleLoaderOptions & { printErr(): void } = {
        wasmMemory: memory,
        // The error contains the reason.
        printErr() {},
        async instantiateWasm(imports, onSuccess) {
          const functions = imports[clock.module] as Record<string, () => number>;
          const now = functions[clock.name];
          functions[clock.name] = () => {
            if (fuel?.value === 0) {
              fuel.value = tank;
              look();
            }
            return now();
          };
          const instance = await WebAssembly.instantiate(module, imports);
          fuel = instance.exports[fuelExport] as WebAssembly.Global<"i32">;
          fuel.value = tank;
          onSuccess(instance);
          return instance.exports;
        },
      };
      return () => loadModule(options);
    },
  };
  const wasm = await core.newQuickJSWASMModuleFromVariant(own);
  return { wasm, memory, maxBytes: maximum * pageSize };
}
