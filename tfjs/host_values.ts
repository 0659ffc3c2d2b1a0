/**
 * The data of a tensor on TensorFlow.js's cpu backend. Whoever reads the tensor receives the array
 * itself or a part of it, and may keep it. So an array may be overwritten only as long as nobody has
 * read it.
 */
export interface HostData<Values = Float32Array> {
  values: Values;
  refCount: number;
  [ownership]?: Ownership;
}

interface Ownership {
  values: Float32Array;
  /** Whether anyone but keepfit has read the values since the tensor has them. */
  isRead: boolean;
}

// All copies of keepfit in a process share it.
const ownership: unique symbol = Symbol.for("keepfit.ownership") as never;

/** The values of a tensor, for a reader that does not keep them. */
export function peek<Values>(data: HostData<Values>): Values {
  return (data[ownership]?.values as Values | undefined) ?? data.values;
}

/** The values of a tensor if they may be overwritten. */
export function overwritable({ [ownership]: owned }: HostData): Float32Array | undefined {
  return owned === undefined || owned.isRead ? undefined : owned.values;
}

/** Give a tensor values that nobody else has. */
export function own(data: HostData, values: Float32Array): void {
  const known = data[ownership];
  if (known !== undefined) {
    known.values = values;
    known.isRead = false;
    return;
  }
  const owned: Ownership = { values, isRead: false };
  data[ownership] = owned;
  Object.defineProperty(data, "values", {
    enumerable: true,
    get() {
      owned.isRead = true;
      return owned.values;
    },
    set(others: Float32Array) {
      owned.isRead = true;
      owned.values = others;
    },
  });
}
