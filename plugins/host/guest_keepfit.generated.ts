// Generated from plugins/host/guest_keepfit.ts by build/guest.ts (`npm run build`); do not edit.

/** The code of plugins/host/guest_keepfit.ts. */
export const guestKeepfit: string = `// plugins/host/guest_keepfit.ts
var Callback = class {
  params = null;
  onError;
  constructor(options = {}) {
    this.onError = options.onError;
  }
  get model() {
    throw new TypeError(
      "Cannot reach the model from a plugin: use the functions of the context"
    );
  }
  setParams(params) {
    this.params = params;
  }
};
export {
  Callback
};
`;
