/** What `import ... from "keepfit"` gives where the host's own is out of reach: a base to extend. */
export const guestKeepfit: string = String.raw`
export class Callback {
  params = null;
  onError;

  constructor(options = {}) {
    this.onError = options.onError;
  }

  get model() {
    throw new TypeError("Cannot reach the model from here: the context has what may be done with it");
  }

  setParams(params) {
    this.params = params;
  }
}
`;
