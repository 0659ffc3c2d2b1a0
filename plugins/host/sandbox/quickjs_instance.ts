import type {
  EmscriptenModuleLoader,
  EmscriptenModuleLoaderOptions,
  QuickJSEmscriptenModule,
  QuickJSSyncVariant,
  QuickJSWASMModule,
} from "quickjs-emscripten-core";
import { compileInterpreter } from "./interpreter_code.ts";
import { fuelExport } from "./loop_fuel.ts";

/** QuickJS in a memory of its own. */
export interface QuickJSInstance {
  wasm: QuickJSWASMModule;
  memory: WebAssembly.Memory;
  /** Bytes that its memory can grow to. */
  mostBytes: number;
  /** What its loops burn; see `addLoopFuel`. */
  fuel: WebAssembly.Global<"i32">;
}

/** Most fuel that there can be. */
export const mostFuel: number = 2 ** 31 - 1;

const pageSize = 65536;
const mostPages = 32768;
const firstPages = 256;

/**
 * Start one.
 *
 * @param room bytes that its memory may grow by, after those that it begins with
 */
export async function startQuickJS(room: number): Promise<QuickJSInstance> {
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
      const code = await compileInterpreter(loadModule);
      const options: EmscriptenModuleLoaderOptions & { printErr(): void } = {
        wasmMemory: memory,
        // Why it aborted is in the error.
        printErr() {},
        async instantiateWasm(imports, onSuccess) {
          const instance = await WebAssembly.instantiate(code, imports);
          fuel = instance.exports[fuelExport] as WebAssembly.Global<"i32">;
          fuel.value = mostFuel;
          onSuccess(instance);
          return instance.exports;
        },
      };
      return () => loadModule(options);
    },
  };
  const wasm = await core.newQuickJSWASMModuleFromVariant(own);
  return {
    wasm,
    memory,
    mostBytes: maximum * pageSize,
    fuel: fuel as unknown as WebAssembly.Global<"i32">,
  };
}
