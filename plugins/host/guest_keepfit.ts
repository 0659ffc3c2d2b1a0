/**
 * Exports of `import ... from "keepfit"` in a sandbox or worker: a base class to extend.
 * `build/guest.ts` bundles it.
 */
export class Callback {
  params: object | null = null;
  onError: unknown;

  constructor(options: { onError?: unknown } = {}) {
    this.onError = options.onError;
  }

  get model(): never {
    throw new TypeError(
      "Cannot reach the model from a plugin: use the functions of the context",
    );
  }

  setParams(params: object): void {
    this.params = params;
  }
}
