// Generated from tfjs/backend/wasm_thread.ts by build/guest.ts (`npm run build`); do not edit.

/** The code of tfjs/backend/wasm_thread.ts. */
export const wasmThreadCode: string = `// tfjs/backend/wasm_thread.ts
var { process } = globalThis;
var { workerData } = process.getBuiltinModule("worker_threads");
Object.defineProperty(globalThis, "location", { value: {}, writable: true });
new Function("require", "__filename", workerData.script)(process.getBuiltinModule, "");
Object.assign(globalThis, { importScripts: (text) => (0, eval)(text) });
`;
