// tensorboard/crc.ts
function crc32c(bytes, start = 0, end = bytes.length, before = 0) {
  return crc(castagnoli ??= tablesOf(2197175160), bytes, start, end, before);
}
function maskedCrc32c(bytes, start = 0, end = bytes.length) {
  const sum = crc32c(bytes, start, end);
  return (sum >>> 15 | sum << 17) + 2726488792 >>> 0;
}
function crc32(bytes) {
  return crc(iso ??= tablesOf(3988292384), bytes, 0, bytes.length);
}
var castagnoli;
var iso;
function tablesOf(polynomial) {
  const tables = Array.from({ length: 16 }, () => new Uint32Array(256));
  const [first] = tables;
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = sum >>> 1 ^ (sum & 1 ? polynomial : 0);
    first[byte] = sum;
  }
  for (let following = 1; following < tables.length; following++) {
    for (let byte = 0; byte < 256; byte++) {
      const sum = tables[following - 1][byte];
      tables[following][byte] = first[sum & 255] ^ sum >>> 8;
    }
  }
  return tables;
}
function crc(tables, bytes, start, end, before = 0) {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  let sum = before ^ 4294967295;
  let i = start;
  if (end - i >= manyBytes && isLittleEndian) {
    for (; (bytes.byteOffset + i) % 4 !== 0; i++) sum = t0[(sum ^ bytes[i]) & 255] ^ sum >>> 8;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + i, end - i >> 4 << 2);
    sum = braided(tables, words, sum);
    i += words.byteLength;
  }
  for (; i + 8 <= end; i += 8) {
    sum ^= bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 | bytes[i + 3] << 24;
    sum = t7[sum & 255] ^ t6[sum >>> 8 & 255] ^ t5[sum >>> 16 & 255] ^ t4[sum >>> 24] ^ t3[bytes[i + 4]] ^ t2[bytes[i + 5]] ^ t1[bytes[i + 6]] ^ t0[bytes[i + 7]];
  }
  for (; i < end; i++) sum = t0[(sum ^ bytes[i]) & 255] ^ sum >>> 8;
  return (sum ^ 4294967295) >>> 0;
}
var manyBytes = 1024;
var isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
function braided(tables, words, sum) {
  const [t0, t1, t2, t3] = tables;
  const [t12, t13, t14, t15] = tables.slice(12);
  const last = words.length - 4;
  let [a, b, c, d] = [sum | 0, 0, 0, 0];
  for (let i = 0; i < last; i += 4) {
    a ^= words[i];
    b ^= words[i + 1];
    c ^= words[i + 2];
    d ^= words[i + 3];
    a = t15[a & 255] ^ t14[a >>> 8 & 255] ^ t13[a >>> 16 & 255] ^ t12[a >>> 24];
    b = t15[b & 255] ^ t14[b >>> 8 & 255] ^ t13[b >>> 16 & 255] ^ t12[b >>> 24];
    c = t15[c & 255] ^ t14[c >>> 8 & 255] ^ t13[c >>> 16 & 255] ^ t12[c >>> 24];
    d = t15[d & 255] ^ t14[d >>> 8 & 255] ^ t13[d >>> 16 & 255] ^ t12[d >>> 24];
  }
  let joined = 0;
  for (const [j, one] of [a, b, c, d].entries()) {
    joined ^= one ^ words[last + j];
    joined = t3[joined & 255] ^ t2[joined >>> 8 & 255] ^ t1[joined >>> 16 & 255] ^ t0[joined >>> 24];
  }
  return joined;
}

// tensorboard/path_in.ts
function pathIn(folder, name) {
  if (typeof folder === "string") return folder.endsWith("/") ? folder + name : `${folder}/${name}`;
  return new URL(encodeURIComponent(name), folder.href.replace(/\/?$/, "/"));
}

// tensorboard/protobuf.ts
var ProtobufWriter = class {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #size = 0;
  /** The buffer; its first `size` bytes are written. The next write may replace it. */
  get buffer() {
    return this.#bytes;
  }
  /** Number of bytes written. */
  get size() {
    return this.#size;
  }
  /** Discard everything after the first `size` bytes. */
  truncate(size) {
    this.#size = size;
  }
  /** The bytes between two positions; the next write overwrites them. */
  view(start = 0, end = this.#size) {
    return this.#bytes.subarray(start, end);
  }
  /** Return the bytes, which the caller then owns, and start over. */
  take() {
    const taken = this.view();
    this.#replace(new Uint8Array(1024));
    this.#size = 0;
    return taken;
  }
  /** Reserve `length` bytes, to be filled in by {@linkcode fixed32At}. */
  skip(length) {
    this.#reserve(length);
    this.#bytes.fill(0, this.#size, this.#size += length);
  }
  /** Write an unsigned 32-bit integer at a reserved position. */
  fixed32At(offset, value) {
    this.#view.setUint32(offset, value, true);
  }
  /** Write a 32-bit float at a reserved position. */
  float32At(offset, value) {
    this.#view.setFloat32(offset, value, true);
  }
  /** Write encoded fields. */
  encoded(fields) {
    this.#reserve(fields.length);
    this.#bytes.set(fields, this.#size);
    this.#size += fields.length;
  }
  /** Write an integer of any type, a bool or an enum. */
  varint(field, value) {
    this.#key(field, 0);
    this.#varint(value);
  }
  double(field, value) {
    this.#key(field, 1);
    this.#reserve(8);
    this.#view.setFloat64(this.#size, value, true);
    this.#size += 8;
  }
  float(field, value) {
    this.#key(field, 5);
    this.#reserve(4);
    this.#view.setFloat32(this.#size, value, true);
    this.#size += 4;
  }
  text(field, text) {
    this.message(field, () => {
      this.#reserve(text.length * 3);
      const start = this.#size;
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        if (code > 127 || i > 100) {
          this.#size = start + encoder.encodeInto(text, this.#bytes.subarray(start)).written;
          return;
        }
        this.#bytes[this.#size++] = code;
      }
    });
  }
  bytes(field, bytes) {
    this.#key(field, 2);
    this.#varint(bytes.length);
    this.encoded(bytes);
  }
  /** Write a message or a packed field; `write` writes its content with this writer. */
  message(field, write) {
    this.#key(field, 2);
    this.skip(1);
    const start = this.#size;
    write();
    const end = this.#size;
    let more = 0;
    for (let rest = end - start; rest > 127; rest = Math.floor(rest / 128)) more++;
    this.skip(more);
    this.#bytes.copyWithin(start + more, start, end);
    this.#size = start - 1;
    this.#varint(end - start);
    this.#size = end + more;
  }
  /** Write a number of a packed field. */
  packedVarint(value) {
    this.#varint(value);
  }
  #key(field, wireType) {
    this.#varint(field * 8 + wireType);
  }
  #varint(value) {
    this.#reserve(10);
    if (typeof value === "number" && value >= 0 && value < 128) {
      this.#bytes[this.#size++] = value;
      return;
    }
    let rest = value < 0 ? BigInt.asUintN(64, BigInt(value)) : value;
    while (rest > 127) {
      if (typeof rest === "bigint") {
        this.#bytes[this.#size++] = Number(rest & 127n) | 128;
        rest >>= 7n;
      } else {
        this.#bytes[this.#size++] = rest & 127 | 128;
        rest = Math.floor(rest / 128);
      }
    }
    this.#bytes[this.#size++] = Number(rest);
  }
  #reserve(length) {
    if (this.#size + length <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + length));
    bytes.set(this.view());
    this.#replace(bytes);
  }
  #replace(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
};
function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
var encoder = new TextEncoder();
var decoder = new TextDecoder("utf-8", { ignoreBOM: true });
var nothing = new Uint8Array();

// tensorboard/tensor.ts
var formats = {
  float32: {
    id: 1,
    field: 5,
    size: 4,
    write: (view, offset, value) => view.setFloat32(offset, Number(value), true),
    read: (view, offset) => view.getFloat32(offset, true)
  },
  float64: {
    id: 2,
    field: 6,
    size: 8,
    write: (view, offset, value) => view.setFloat64(offset, Number(value), true),
    read: (view, offset) => view.getFloat64(offset, true)
  },
  int32: {
    id: 3,
    field: 7,
    size: 4,
    write: (view, offset, value) => view.setInt32(offset, Number(value), true),
    read: (view, offset) => view.getInt32(offset, true)
  },
  uint8: {
    id: 4,
    field: 7,
    size: 1,
    write: (view, offset, value) => view.setUint8(offset, Number(value)),
    read: (view, offset) => view.getUint8(offset)
  },
  int64: {
    id: 9,
    field: 10,
    size: 8,
    write: (view, offset, value) => view.setBigInt64(offset, BigInt(value), true),
    read: (view, offset) => view.getBigInt64(offset, true)
  },
  bool: {
    id: 10,
    field: 11,
    size: 1,
    write: (view, offset, value) => view.setUint8(offset, value ? 1 : 0),
    read: (view, offset) => view.getUint8(offset) !== 0
  }
};
var stringId = 7;
var stringField = 8;
var contentField = 4;
function dtypeId(dtype) {
  if (dtype === "string") return stringId;
  if (Object.hasOwn(formats, dtype)) return formats[dtype].id;
  const known = [...Object.keys(formats), "string"].join(", ");
  throw new RangeError(`Cannot write a tensor of dtype ${dtype}: dtype must be one of ${known}`);
}
function writeTensor(out, { dtype, shape, values }) {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (values.length !== size) {
    throw new RangeError(
      `Cannot write a tensor of shape [${shape}] with ${values.length} values: there must be ${size}`
    );
  }
  out.varint(1, dtypeId(dtype));
  out.message(2, () => writeShape(out, shape));
  if (dtype === "string") {
    for (let i = 0; i < size; i++) {
      const value = values[i];
      if (value instanceof Uint8Array) out.bytes(stringField, value);
      else out.text(stringField, String(value));
    }
    return;
  }
  checkNumbers(dtype, values);
  const format = formats[dtype];
  if (size > 0 && (dtype === "bool" || size === 1 && !dtype.startsWith("float"))) {
    const cell2 = new DataView(new ArrayBuffer(format.size));
    out.message(format.field, () => {
      for (let i = 0; i < size; i++) {
        format.write(cell2, 0, values[i]);
        out.packedVarint(BigInt(format.read(cell2, 0)));
      }
    });
  } else if (size > 0) {
    const bytes = new Uint8Array(size * format.size);
    const view = viewOf(bytes);
    for (let i = 0; i < size; i++) format.write(view, i * format.size, values[i]);
    out.bytes(size === 1 ? format.field : contentField, bytes);
  }
}
function checkNumbers(dtype, values) {
  if (ArrayBuffer.isView(values)) return;
  for (let i = 0; i < values.length; i++) {
    if (["number", "bigint", "boolean"].includes(typeof values[i])) continue;
    throw new TypeError(
      `Cannot write a tensor of dtype ${dtype}: expected numbers, got ${String(values[i])} at index ${i}`
    );
  }
}
function writeShape(out, shape) {
  if (shape === null) return out.varint(3, 1);
  for (const dimension of shape) {
    out.message(2, () => dimension !== 0 && out.varint(1, dimension));
  }
}

// tensorboard/graph.ts
function writeGraph(out, graph) {
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
function writeAttribute(out, value) {
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

// tensorboard/summary.ts
function writeSummary(out, summary) {
  out.message(1, () => {
    out.text(1, summary.tag);
    out.message(8, () => writeTensor(out, summary.tensor));
    out.message(9, () => writeMetadata(out, summary));
  });
}
var dataClasses = ["scalar", "tensor", "blob-sequence"];
function writeMetadata(out, summary) {
  const { plugin, content, displayName, description, dataClass } = summary;
  out.message(1, () => {
    out.text(1, plugin);
    if (content !== void 0 && content.length > 0) out.bytes(2, content);
  });
  if (displayName) out.text(2, displayName);
  if (description) out.text(3, description);
  if (dataClass !== void 0) out.varint(4, dataClasses.indexOf(dataClass) + 1);
}

// tensorboard/custom_scalars.ts
function customScalarsSummary(layout) {
  const out = new ProtobufWriter();
  for (const category of layout.categories) {
    out.message(2, () => writeCategory(out, category));
  }
  return {
    tag: "custom_scalars__config__",
    plugin: "custom_scalars",
    tensor: { dtype: "string", shape: [], values: [out.take()] }
  };
}
function writeCategory(out, { title, charts, closed }) {
  out.text(1, title);
  for (const chart of charts) {
    out.message(2, () => {
      out.text(1, chart.title);
      if ("tags" in chart) {
        out.message(2, () => {
          for (const tag of chart.tags) out.text(1, tag);
        });
      } else {
        out.message(3, () => {
          for (const { value, lower, upper } of chart.margins) {
            out.message(1, () => {
              out.text(1, value);
              out.text(2, lower);
              out.text(3, upper);
            });
          }
        });
      }
    });
  }
  if (closed) out.varint(3, 1);
}

// tensorboard/event_file.ts
var EventFile = class {
  #folder;
  #options;
  #out = new ProtobufWriter();
  #file;
  #path;
  // Taken from the buffer, but not yet known to be in a file.
  #unwritten = [];
  #failure;
  #dropped = 0;
  #writing = Promise.resolve();
  #writes = 0;
  #lastWrite;
  #isClosed = false;
  /**
   * @param folder folder of the file; created, with its parents, with the first event
   * @param options file system, limits and clock
   */
  constructor(folder, options) {
    this.#folder = folder;
    this.#options = options;
  }
  /**
   * Append an event.
   *
   * @param wallTime milliseconds since 1970. Default: now
   * @param step any safe integer
   * @param write writes the content of the event; if it throws, nothing is appended
   * @throws TypeError after {@linkcode close}
   */
  append(wallTime, step, write) {
    if (this.#isClosed) {
      throw new TypeError(`Cannot write to ${this.#folder}: the writer is closed`);
    }
    const { flushMillis, maxPendingBytes, now } = this.#options;
    const time = now();
    this.#lastWrite ??= time;
    const hasFailed = this.#failure !== void 0;
    if (hasFailed && this.#out.size >= maxPendingBytes) this.#dropped++;
    else appendEvent(this.#out, wallTime ?? time, step, write);
    const isFull = !hasFailed && this.#out.size >= maxPendingBytes;
    if (this.#writes > 0 || !(isFull || time - this.#lastWrite >= flushMillis)) return;
    this.#lastWrite = time;
    void this.flush();
  }
  /**
   * Write the buffered events.
   *
   * @throws FileSystemError when the file cannot be written
   * @throws Error when events were dropped, because writes failed until the buffer was full
   */
  flush() {
    this.#writes++;
    const writing = this.#writing.then(() => this.#write()).finally(() => this.#writes--);
    this.#writing = writing.catch(() => {
    });
    return writing;
  }
  /** Write the buffered events, and wait until they are on the disk. */
  async sync() {
    await this.flush();
    await this.#file?.sync();
  }
  /** Write the buffered events and close the file; may be called again. */
  async close() {
    this.#isClosed = true;
    try {
      await this.sync();
    } finally {
      await this.#closeFile();
    }
  }
  async #write() {
    if (this.#out.size > 0) this.#unwritten.push(this.#out.take());
    try {
      while (this.#unwritten.length > 0) {
        const file = await this.#openedFile();
        await file.write(this.#unwritten[0]);
        this.#unwritten.shift();
      }
    } catch (error) {
      this.#failure = error;
      await this.#closeFile().catch(() => {
      });
      throw error;
    }
    const [cause, dropped] = [this.#failure, this.#dropped];
    this.#failure = void 0;
    this.#dropped = 0;
    if (dropped > 0) {
      throw new Error(
        `Cannot keep all events of ${this.#folder}: ${dropped} were dropped while it could not be written; writing works again`,
        { cause }
      );
    }
  }
  /** The open file; a new one if there is none or it was removed, so that no events are lost. */
  async #openedFile() {
    const { fs } = this.#options;
    if (this.#file !== void 0 && !await exists(this.#path, fs)) {
      await this.#closeFile().catch(() => {
      });
      console.warn(
        `keepfit: the events in ${this.#folder} were removed during the run; the next go to a new file`
      );
    }
    return this.#file ?? await this.#openFile();
  }
  async #openFile() {
    const { fs, suffix, now } = this.#options;
    await fs.makeDir(this.#folder);
    const time = now();
    const seconds = Math.max(Math.floor(time / 1e3), await newestIn(this.#folder, fs) + 1);
    const name = `events.out.tfevents.${nameParts(seconds)}${suffix}`;
    this.#path = pathIn(this.#folder, name);
    this.#file = await fs.open(this.#path, "append");
    const header = new ProtobufWriter();
    appendEvent(header, time, 0, () => {
      header.text(3, "brain.Event:2");
      header.message(10, () => header.text(1, "keepfit"));
    });
    await this.#file.write(header.view());
    return this.#file;
  }
  async #closeFile() {
    const file = this.#file;
    this.#file = void 0;
    await file?.close();
  }
};
async function exists(path, fs) {
  try {
    await fs.stat(path);
    return true;
  } catch (error) {
    return error.code !== "NotFound";
  }
}
async function newestIn(folder, fs) {
  const entries = await fs.readDir(folder).catch(() => []);
  const seconds = entries.map(({ name }) => /^events\.out\.tfevents\.(\d{10})\./.exec(name)?.[1]);
  return Math.max(0, ...seconds.map((text) => Number(text ?? 0)));
}
var processNumber;
var fileCount = 0;
function nameParts(seconds) {
  processNumber ??= globalThis.crypto?.getRandomValues(new Uint32Array(1))[0] ?? Math.floor(Math.random() * 2 ** 32);
  const padded = String(seconds).padStart(10, "0");
  return `${padded}.keepfit.${processNumber}.${String(fileCount++).padStart(4, "0")}`;
}
function appendEvent(out, wallTime, step, write) {
  const start = out.size;
  try {
    out.skip(12);
    out.double(1, wallTime / 1e3);
    if (step !== 0) out.varint(2, step);
    write(out);
    const end = out.size;
    out.skip(4);
    out.fixed32At(start, end - start - 12);
    out.fixed32At(start + 8, maskedCrc32c(out.buffer, start, start + 8));
    out.fixed32At(end, maskedCrc32c(out.buffer, start + 12, end));
  } catch (error) {
    out.truncate(start);
    throw error;
  }
}

// tensorboard/histogram.ts
function histogramTensor(values, buckets) {
  const rows = new Float64Array(buckets * 3);
  const tensor = { dtype: "float64", shape: [buckets, 3], values: rows };
  let [min, max, count] = [Infinity, -Infinity, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    count++;
  }
  if (count === 0) return tensor;
  const range = max - min;
  let width = range < Infinity ? range / buckets : max / buckets - min / buckets;
  if (range > 0 && width === 0) width = Number.MIN_VALUE;
  const last = buckets - 1;
  for (let bucket = 0; bucket < buckets; bucket++) {
    rows[bucket * 3] = min + bucket * width;
    rows[bucket * 3 + 1] = bucket === last ? max : min + (bucket + 1) * width;
  }
  if (range === 0) {
    rows[last * 3 + 2] = count;
    return tensor;
  }
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue;
    rows[Math.min(last, Math.floor((values[i] - min) / width)) * 3 + 2]++;
  }
  return tensor;
}

// tensorboard/hparams.ts
function experimentSummary(hparams, metrics, time) {
  return hparamsSummary("experiment", 2, (out) => {
    out.double(3, time / 1e3);
    for (const name of Object.keys(hparams).sort()) {
      out.message(4, () => {
        out.text(1, name);
        out.varint(4, { string: 1, boolean: 2, number: 3 }[typeof hparams[name]]);
      });
    }
    for (const { tag, displayName, group, description } of metrics) {
      out.message(5, () => {
        out.message(1, () => {
          if (group) out.text(1, group);
          out.text(2, tag);
        });
        if (displayName) out.text(3, displayName);
        if (description) out.text(4, description);
      });
    }
  });
}
function sessionStartSummary(hparams, trialId, time) {
  const names = Object.keys(hparams).sort();
  return hparamsSummary("session_start_info", 3, (out) => {
    for (const name of names) {
      out.message(1, () => {
        out.text(1, name);
        out.message(2, () => writeValue(out, name, hparams[name]));
      });
    }
    out.text(4, trialId ?? JSON.stringify(Object.fromEntries(names.map((n) => [n, hparams[n]]))));
    out.double(5, time / 1e3);
  });
}
function sessionEndSummary(status, time) {
  return hparamsSummary("session_end_info", 4, (out) => {
    out.varint(1, status === "success" ? 1 : 2);
    out.double(2, time / 1e3);
  });
}
function hparamsSummary(tag, field, write) {
  const out = new ProtobufWriter();
  out.message(field, () => write(out));
  return {
    tag: `_hparams_/${tag}`,
    plugin: "hparams",
    content: out.take(),
    tensor: { dtype: "float32", shape: [0], values: [] }
  };
}
function writeValue(out, name, value) {
  if (typeof value === "number") return out.double(2, value);
  if (typeof value === "string") return out.text(3, value);
  if (typeof value === "boolean") return out.varint(4, value ? 1 : 0);
  throw new TypeError(
    `Cannot write the hyperparameter ${name} of type ${typeof value}: it must be a string, number or boolean`
  );
}

// runtime/deflate.ts
function deflate(bytes) {
  const { process } = globalThis;
  return process?.getBuiltinModule?.("node:zlib").deflateSync(bytes) ?? compress(bytes);
}
function compress(bytes) {
  const out = new BitWriter();
  out.bits(40056, 16);
  out.bits(3, 3);
  const last = new Int32Array(1 << 15);
  for (let at = 0; at < bytes.length; ) {
    const hash = hashAt(bytes, at);
    const before = last[hash] - 1;
    last[hash] = at + 1;
    const length = before >= 0 && at - before <= 32768 ? sameBytes(bytes, before, at) : 0;
    if (length < 3) {
      writeSymbol(out, bytes[at++]);
      continue;
    }
    writeLength(out, length);
    writeDistance(out, at - before);
    at += length;
  }
  writeSymbol(out, 256);
  return out.finish(adler32(bytes));
}
function hashAt(bytes, at) {
  const three = bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16;
  return Math.imul(three, 2654435761) >>> 17;
}
function sameBytes(bytes, before, at) {
  const most = Math.min(258, bytes.length - at);
  let length = 0;
  while (length < most && bytes[before + length] === bytes[at + length]) length++;
  return length;
}
function writeSymbol(out, symbol) {
  if (symbol < 144) out.code(48 + symbol, 8);
  else if (symbol < 256) out.code(400 + symbol - 144, 9);
  else if (symbol < 280) out.code(symbol - 256, 7);
  else out.code(192 + symbol - 280, 8);
}
function writeLength(out, length) {
  if (length === 258) return writeSymbol(out, 285);
  const value = length - 3;
  const extra = Math.max(0, 29 - Math.clz32(value));
  writeSymbol(out, 257 + 4 * extra + (value >> extra));
  out.bits(value & (1 << extra) - 1, extra);
}
function writeDistance(out, distance) {
  const value = distance - 1;
  const extra = Math.max(0, 30 - Math.clz32(value));
  out.code(2 * extra + (value >> extra), 5);
  out.bits(value & (1 << extra) - 1, extra);
}
function adler32(bytes) {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b * 65536 + a;
}
var BitWriter = class {
  #bytes = new Uint8Array(1024);
  #length = 0;
  #pending = 0;
  #count = 0;
  /** Write a number, lowest bit first. */
  bits(value, count) {
    this.#pending |= value << this.#count;
    this.#count += count;
    for (; this.#count >= 8; this.#count -= 8) {
      this.#byte(this.#pending & 255);
      this.#pending >>>= 8;
    }
  }
  /** Write a Huffman code, highest bit first. */
  code(value, count) {
    let reversed = 0;
    for (let bit = 0; bit < count; bit++) reversed = reversed << 1 | value >> bit & 1;
    this.bits(reversed, count);
  }
  /** Fill the last byte and append a checksum. */
  finish(checksum) {
    if (this.#count > 0) this.bits(0, 8 - this.#count);
    for (const shift of [24, 16, 8, 0]) this.#byte(checksum >>> shift & 255);
    return this.#bytes.slice(0, this.#length);
  }
  #byte(value) {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = value;
  }
};

// tensorboard/png.ts
function encodePng(width, height, channels, pixels) {
  const header = new Uint8Array(13);
  const view = viewOf(header);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8;
  header[9] = { 1: 0, 3: 2, 4: 6 }[channels];
  return join([
    Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10),
    chunk("IHDR", header),
    chunk("IDAT", deflate(filterRows(width * channels, height, channels, pixels))),
    chunk("IEND", new Uint8Array())
  ]);
}
function chunk(type, data) {
  const bytes = new Uint8Array(data.length + 12);
  const view = viewOf(bytes);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}
function filterRows(stride, height, channels, pixels) {
  const filtered = new Uint8Array((stride + 1) * height);
  for (let row = 0; row < height; row++) {
    const start = row * stride;
    let least = Infinity;
    for (let filter = 0; filter < 3; filter++) {
      const line = new Uint8Array(stride);
      let sum = 0;
      for (let i = 0; i < stride; i++) {
        let predicted = 0;
        if (filter === 1 && i >= channels) predicted = pixels[start + i - channels];
        if (filter === 2 && row > 0) predicted = pixels[start + i - stride];
        line[i] = pixels[start + i] - predicted;
        sum += Math.min(line[i], 256 - line[i]);
      }
      if (sum >= least) continue;
      least = sum;
      filtered[row * (stride + 1)] = filter;
      filtered.set(line, row * (stride + 1) + 1);
    }
  }
  return filtered;
}
function join(parts) {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

// tensorboard/image.ts
function imageTensor(images) {
  const all = "data" in images ? [images] : images;
  if (all.length === 0) {
    throw new RangeError("Cannot write an image summary of 0 images: there must be at least one");
  }
  const { width, height } = all[0];
  for (const image of all) {
    if (image.width === width && image.height === height) continue;
    throw new RangeError(
      `Cannot write images of ${width} x ${height} and ${image.width} x ${image.height} pixels under one tag: they must have the same size`
    );
  }
  const values = [String(width), String(height), ...all.map(pngOf)];
  return { dtype: "string", shape: [values.length], values };
}
function pngOf({ width, height, channels, data }) {
  if (![1, 3, 4].includes(channels)) {
    throw new RangeError(
      `Cannot write an image with ${channels} channels: there must be 1, 3 or 4`
    );
  }
  const size = width * height * channels;
  if (data.length !== size || !(size > 0)) {
    throw new RangeError(
      `Cannot write an image of ${width} x ${height} pixels and ${channels} channels with ${data.length} values: there must be ${size}, and more than 0`
    );
  }
  return encodePng(width, height, channels, data instanceof Float32Array ? bytesOf(data) : data);
}
function bytesOf(floats) {
  return Uint8Array.from(floats, (value) => Math.min(255, Math.max(0, Math.floor(value * 255.5))));
}

// tensorboard/pr_curve.ts
function prCurveTensor(labels, predictions, thresholds, weights) {
  for (const [name, other] of Object.entries({ predictions, weights })) {
    if (other === void 0 || other.length === labels.length) continue;
    throw new RangeError(
      `Cannot write a curve of ${labels.length} labels and ${other.length} ${name}: the numbers must be equal`
    );
  }
  const truePositives = new Float64Array(thresholds);
  const falsePositives = new Float64Array(thresholds);
  for (let i = 0; i < labels.length; i++) {
    if (Number.isNaN(predictions[i])) continue;
    const bucket = Math.floor(Math.min(1, Math.max(0, predictions[i])) * (thresholds - 1));
    (labels[i] ? truePositives : falsePositives)[bucket] += weights?.[i] ?? 1;
  }
  for (let i = thresholds - 2; i >= 0; i--) {
    truePositives[i] += truePositives[i + 1];
    falsePositives[i] += falsePositives[i + 1];
  }
  const values = new Float32Array(6 * thresholds);
  for (let i = 0; i < thresholds; i++) {
    const [tp, fp] = [truePositives[i], falsePositives[i]];
    const [tn, fn] = [falsePositives[0] - fp, truePositives[0] - tp];
    const precision = tp / Math.max(smallestCount, tp + fp);
    const recall = tp / Math.max(smallestCount, tp + fn);
    [tp, fp, tn, fn, precision, recall].forEach((value, row) => {
      values[row * thresholds + i] = value;
    });
  }
  return { dtype: "float32", shape: [6, thresholds], values };
}
var smallestCount = 1e-7;

// tensorboard/numbers.ts
function numberOf(tag, value) {
  const isOne = isTensor(value) && value.size === 1;
  const number = isOne ? read(tag, value)[0] : value;
  if (typeof number === "number") return number;
  if (typeof number === "boolean" || typeof number === "bigint") return Number(number);
  throw unreadable(tag, "a number", value);
}
function numbersOf(tag, values) {
  if (isTensor(values)) return read(tag, values);
  if (ArrayBuffer.isView(values) && !(values instanceof DataView)) {
    return values;
  }
  if (!Array.isArray(values)) throw unreadable(tag, "an array of numbers", values);
  const odd = values.findIndex((value) => typeof value !== "number" && typeof value !== "boolean");
  if (odd >= 0) throw unreadable(tag, "an array of numbers", values[odd], ` at index ${odd}`);
  return values;
}
function isTensor(value) {
  const { size, dataSync } = value ?? {};
  return typeof size === "number" && typeof dataSync === "function";
}
function read(tag, tensor) {
  try {
    return tensor.dataSync();
  } catch (cause) {
    throw new TypeError(
      `Cannot write '${tag}': its tensor cannot be read synchronously; pass the result of await tensor.data()`,
      { cause }
    );
  }
}
function unreadable(tag, expected, value, where = "") {
  return new TypeError(`Cannot write '${tag}': expected ${expected}, got ${shown(value)}${where}`);
}
function shown(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (isTensor(value)) return `a tensor of ${value.size} values`;
  if (typeof value?.then === "function") {
    return "a promise; await it first";
  }
  return Array.isArray(value) ? `an array of ${value.length}` : String(value);
}

// tensorboard/scalar_template.ts
var ScalarTemplate = class {
  #fields;
  #valueAt;
  /** @param tag tag of the scalar */
  constructor(tag) {
    this.#fields = encode(tag, 1.25);
    const other = encode(tag, -34e-39);
    this.#valueAt = this.#fields.findIndex((byte, i) => byte !== other[i]);
  }
  /** Write the summary into an event. */
  write(out, value) {
    const start = out.size;
    out.encoded(this.#fields);
    out.float32At(start + this.#valueAt, value);
  }
};
function encode(tag, value) {
  const out = new ProtobufWriter();
  const tensor = { dtype: "float32", shape: [], values: [value] };
  out.message(5, () => writeSummary(out, { tag, plugin: "scalars", tensor }));
  return out.take().slice();
}

// tensorboard/text.ts
function textTensor(text) {
  if (typeof text === "string") return { dtype: "string", shape: [], values: [text] };
  const rows = text.map((row) => typeof row === "string" ? [row] : row);
  if (text.every((row) => typeof row === "string")) {
    return { dtype: "string", shape: [text.length], values: text };
  }
  const columns = rows[0].length;
  const odd = rows.find((row) => row.length !== columns);
  if (odd !== void 0) {
    throw new RangeError(
      `Cannot write a table with rows of ${columns} and ${odd.length} texts: all rows must have the same number`
    );
  }
  return { dtype: "string", shape: [rows.length, columns], values: rows.flat() };
}

// tensorboard/summary_writer.ts
var SummaryWriter = class {
  /** Folder of the run. */
  logDir;
  #file;
  #now;
  #scalars = /* @__PURE__ */ new Map();
  /**
   * Create a writer; nothing is written before the first summary.
   *
   * @param logDir folder of the run, path or `file:` URL; created with the first write
   * @param options options
   * @throws RangeError for a negative `flushMillis` or `maxPendingBytes`
   */
  constructor(logDir, options) {
    const { fs, flushMillis = 1e4, maxPendingBytes = 2 ** 20, suffix = ".v2" } = options;
    for (const [name, value] of Object.entries({ flushMillis, maxPendingBytes })) {
      if (value >= 0) continue;
      throw new RangeError(`Cannot create SummaryWriter with ${name} ${value}: it must be >= 0`);
    }
    this.logDir = logDir;
    this.#now = options.now ?? Date.now;
    this.#file = new EventFile(logDir, {
      fs,
      flushMillis,
      maxPendingBytes,
      suffix,
      now: this.#now
    });
  }
  /**
   * Write a scalar as float32, a point of a line. A boolean becomes 1 or 0; a tensor must have one
   * value.
   *
   * @throws TypeError for anything else
   */
  scalar(tag, value, step, options = {}) {
    const number = numberOf(tag, value);
    const { wallTime, description } = options;
    if (description) {
      const tensor = { dtype: "float32", shape: [], values: [number] };
      return this.#summary({ tag, plugin: "scalars", tensor }, step, options);
    }
    checkStep(tag, step);
    let template = this.#scalars.get(tag);
    if (template === void 0) {
      if (this.#scalars.size >= 1e3) this.#scalars.clear();
      this.#scalars.set(tag, template = new ScalarTemplate(tag));
    }
    const known = template;
    this.#file.append(wallTime, step, (out) => known.write(out, number));
  }
  /**
   * Write the distribution of values or of a tensor. Non-finite values are omitted.
   *
   * @throws TypeError for anything but a list of numbers
   * @throws RangeError when `buckets` is not a positive integer
   */
  histogram(tag, values, step, options = {}) {
    const { buckets = 30 } = options;
    checkCount(`histogram '${tag}'`, "buckets", buckets, 1);
    const tensor = histogramTensor(numbersOf(tag, values), buckets);
    this.#summary({ tag, plugin: "histograms", tensor }, step, options);
  }
  /**
   * Write an image, or several of one size, as PNG.
   *
   * @throws RangeError for no image, images of different size, or data of the wrong length
   */
  image(tag, images, step, options = {}) {
    if (typeof images !== "object" || images === null) {
      throw unreadable(tag, "an image or a list of images", images);
    }
    const tensor = imageTensor(images);
    this.#summary({ tag, plugin: "images", tensor }, step, options);
  }
  /**
   * Write Markdown: one text, a column of texts or a table.
   *
   * @throws RangeError for a table with rows of different length
   */
  text(tag, text, step, options = {}) {
    const isText = typeof text === "string" || Array.isArray(text) && text.flat().every((one) => typeof one === "string");
    if (!isText) throw unreadable(tag, "a text, a list or a table of texts", text);
    const tensor = textTensor(text);
    this.#summary({ tag, plugin: "text", tensor }, step, options);
  }
  /**
   * Write the precision-recall curve of a binary classifier. Predictions are 0..1, labels false or
   * true.
   *
   * @throws RangeError for fewer than 2 `thresholds`, or when the numbers of labels, predictions and
   *   weights differ
   */
  prCurve(tag, labels, predictions, step, options = {}) {
    const { thresholds = 201, weights } = options;
    checkCount(`prCurve '${tag}'`, "thresholds", thresholds, 2);
    const tensor = prCurveTensor(
      numbersOf(tag, labels),
      numbersOf(tag, predictions),
      thresholds,
      weights === void 0 ? void 0 : numbersOf(tag, weights)
    );
    const content = new ProtobufWriter();
    content.varint(2, thresholds);
    this.#summary(
      { tag, plugin: "pr_curves", content: content.take(), tensor },
      step,
      options
    );
  }
  /**
   * Write a tensor for any TensorBoard plugin.
   *
   * @throws RangeError for an unknown dtype, or if the number of values does not match the shape
   */
  tensor(tag, tensor, step, options) {
    const { plugin, content, displayName, dataClass } = options;
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    this.#summary(
      { tag, plugin, content: bytes, displayName, dataClass, tensor },
      step,
      options
    );
  }
  /** Write a graph of operations for the graphs tab, at most one per run. */
  graph(graph) {
    this.#file.append(void 0, 0, (out) => out.message(4, () => writeGraph(out, graph)));
  }
  /**
   * Write a Keras model for the graphs tab.
   *
   * @param json configuration of the model in the form of Keras's `model.to_json()`
   */
  kerasModel(json) {
    this.tensor("keras", { dtype: "string", shape: [], values: [json] }, 0, {
      plugin: "graph_keras_model",
      content: "1"
    });
  }
  /**
   * Write the hyperparameters of this run, its row in the hparams table. This starts a session,
   * which {@linkcode hparamsEnd} ends.
   *
   * @throws TypeError for a value that is not a string, number or boolean
   */
  hparams(hparams, options = {}) {
    const { metrics, trialId, startTime = this.#now() } = options;
    const start = sessionStartSummary(hparams, trialId, startTime);
    if (metrics !== void 0) this.#summary(experimentSummary(hparams, metrics, startTime), 0);
    this.#summary(start, 0);
  }
  /** End the session of {@linkcode hparams} with its status. */
  hparamsEnd(status = "success") {
    this.#summary(sessionEndSummary(status, this.#now()), 0);
  }
  /**
   * Mark that the run continues from a step. TensorBoard then ignores earlier summaries of this and
   * later steps, also those in other files of the folder.
   *
   * Source: `tensorboard/backend/event_processing/plugin_event_accumulator.py`.
   *
   * @param step first step that will be written again
   */
  sessionStart(step) {
    this.#file.append(void 0, step, (out) => out.message(7, () => out.varint(1, 1)));
  }
  /** Write the charts of the custom scalars tab. */
  customScalars(layout) {
    this.#summary(customScalarsSummary(layout), 0);
  }
  /**
   * Write the buffered summaries, and wait until they are on the disk and survive a power failure.
   *
   * @throws FileSystemError when the file cannot be written
   */
  async sync() {
    await this.#file.sync();
  }
  /**
   * Write the buffered summaries; may be called again.
   *
   * @throws FileSystemError when the file cannot be written; the next write retries
   * @throws Error when summaries were dropped, because writes failed for too long
   */
  flush() {
    return this.#file.flush();
  }
  /**
   * Write the buffered summaries and close the file; may be called again. Later summaries throw a
   * TypeError.
   *
   * @throws the errors of {@linkcode flush}
   */
  close() {
    return this.#file.close();
  }
  #summary(summary, step, { wallTime, description } = {}) {
    checkStep(summary.tag, step);
    this.#file.append(wallTime, step, (out) => {
      out.message(5, () => writeSummary(out, { ...summary, description }));
    });
  }
};
function checkStep(tag, step) {
  if (Number.isSafeInteger(step)) return;
  throw new RangeError(`Cannot write '${tag}' at step ${step}: the step must be a safe integer`);
}
function checkCount(summary, name, count, least) {
  if (Number.isSafeInteger(count) && count >= least) return;
  throw new RangeError(
    `Cannot write ${summary} with ${name} ${count}: it must be an integer >= ${least}`
  );
}

// examples/plugins/keepfit/confusion-matrix/source/src/context_files.ts
function contextFiles(context) {
  return {
    makeDir: () => Promise.resolve(),
    // The plugin may only write, so the files of earlier runs are not listed.
    readDir: () => Promise.resolve([]),
    open: (path) => {
      let last = Promise.resolve();
      return Promise.resolve({
        write: async (data) => {
          last = context.append(String(path).replace(/^\.\//, ""), data);
          await last;
        },
        sync: async () => void await last,
        close: async () => void await last
      });
    }
  };
}

// examples/plugins/keepfit/confusion-matrix/source/src/count.ts
function countOf({ outputs, targets }, classes) {
  const [predicted, truth] = [outputs[0], targets[0]];
  const width = predicted.shape.at(-1) ?? 0;
  if (predicted.shape.length !== 2 || width !== Math.max(classes, 2) && width !== 1) {
    throw new RangeError(
      `Cannot count: expected one output for each of ${classes} classes, got shape [${predicted.shape}]`
    );
  }
  const counts = Array.from({ length: classes }, () => new Array(classes).fill(0));
  for (let row = 0; row < predicted.shape[0]; row++) {
    counts[classOf(truth, row)][classOf(predicted, row)]++;
  }
  return counts;
}
function classOf({ shape, values }, row) {
  const width = shape.length === 1 ? 1 : shape[1];
  if (width === 1) return Math.round(values[row]);
  let best = 0;
  for (let i = 1; i < width; i++) {
    if (values[row * width + i] > values[row * width + best]) best = i;
  }
  return best;
}
function accuracyOf(counts) {
  const total = counts.flat().reduce((sum, count) => sum + count, 0);
  const right = counts.reduce((sum, row, i) => sum + row[i], 0);
  return total === 0 ? NaN : right / total;
}

// examples/plugins/keepfit/confusion-matrix/source/src/font.ts
var signs = {
  "0": [62, 81, 73, 69, 62],
  "1": [0, 66, 127, 64, 0],
  "2": [66, 97, 81, 73, 70],
  "3": [33, 65, 69, 75, 49],
  "4": [24, 20, 18, 127, 16],
  "5": [39, 69, 69, 69, 57],
  "6": [60, 74, 73, 73, 48],
  "7": [1, 113, 9, 5, 3],
  "8": [54, 73, 73, 73, 54],
  "9": [6, 73, 73, 41, 30],
  A: [126, 17, 17, 17, 126],
  B: [127, 73, 73, 73, 54],
  C: [62, 65, 65, 65, 34],
  D: [127, 65, 65, 34, 28],
  E: [127, 73, 73, 73, 65],
  F: [127, 9, 9, 9, 1],
  G: [62, 65, 73, 73, 122],
  H: [127, 8, 8, 8, 127],
  I: [0, 65, 127, 65, 0],
  J: [32, 64, 65, 63, 1],
  K: [127, 8, 20, 34, 65],
  L: [127, 64, 64, 64, 64],
  M: [127, 2, 12, 2, 127],
  N: [127, 4, 8, 16, 127],
  O: [62, 65, 65, 65, 62],
  P: [127, 9, 9, 9, 6],
  Q: [62, 65, 81, 33, 94],
  R: [127, 9, 25, 41, 70],
  S: [70, 73, 73, 73, 49],
  T: [1, 1, 127, 1, 1],
  U: [63, 64, 64, 64, 63],
  V: [31, 32, 64, 32, 31],
  W: [63, 64, 56, 64, 63],
  X: [99, 20, 8, 20, 99],
  Y: [7, 8, 112, 8, 7],
  Z: [97, 81, 73, 69, 67],
  "-": [8, 8, 8, 8, 8],
  "_": [64, 64, 64, 64, 64],
  ".": [0, 96, 96, 0, 0],
  " ": [0, 0, 0, 0, 0]
};
var unknown = [127, 65, 65, 65, 127];
function textWidth(text) {
  return [...text].length * 6;
}
function drawText({ width, height, data }, text, x, y, color) {
  [...text.toUpperCase()].forEach((sign, i) => {
    (signs[sign] ?? unknown).forEach((bits, column) => {
      for (let row = 0; row < 7; row++) {
        const [px, py] = [x + i * 6 + column, y + row];
        if ((bits >> row & 1) === 0 || px < 0 || px >= width || py < 0 || py >= height) continue;
        data.set(color, (py * width + px) * 3);
      }
    });
  });
}

// examples/plugins/keepfit/confusion-matrix/source/src/draw_matrix.ts
var cell = 32;
var margin = 8;
var ink = [32, 33, 36];
var paper = [255, 255, 255];
var full = [8, 81, 156];
function drawMatrix(counts, labels) {
  const left = margin * 2 + Math.max(...labels.map((label) => textWidth(label)));
  const top = margin * 4;
  const width = left + cell * labels.length + margin;
  const height = top + cell * labels.length + margin;
  const picture = {
    width,
    height,
    channels: 3,
    data: new Uint8Array(width * height * 3).fill(255)
  };
  labels.forEach((label, i) => {
    const x = left + i * cell + (cell - textWidth(label)) / 2;
    drawText(picture, label, Math.round(x), margin * 2, ink);
    drawText(picture, label, margin, top + i * cell + cell / 2 - 4, ink);
  });
  counts.forEach((row, i) => {
    const sum = row.reduce((total, count) => total + count, 0);
    row.forEach((count, j) => {
      const share = sum === 0 ? 0 : count / sum;
      const color = paper.map((from, channel) => Math.round(from + (full[channel] - from) * share));
      const x = left + j * cell;
      const y = top + i * cell;
      fill(picture, x, y, cell - 1, cell - 1, color);
      const text = String(count);
      const textLeft = x + Math.round((cell - textWidth(text)) / 2);
      drawText(picture, text, textLeft, y + cell / 2 - 4, share > 0.5 ? paper : ink);
    });
  });
  return picture;
}
function fill(picture, x, y, width, height, color) {
  for (let row = y; row < y + height; row++) {
    for (let column = x; column < x + width; column++) {
      picture.data.set(color, (row * picture.width + column) * 3);
    }
  }
}

// examples/plugins/keepfit/confusion-matrix/source/src/mod.ts
function confusionMatrix(options, context) {
  const { labels, tag, everyEpochs } = options;
  let writer;
  return {
    async onEpochEnd(epoch, logs) {
      if ((epoch + 1) % everyEpochs !== 0) return;
      const counts = countOf(await context.evaluate(), labels.length);
      logs.confusion_accuracy = accuracyOf(counts);
      writer ??= new SummaryWriter(".", { fs: contextFiles(context) });
      writer.image(tag, drawMatrix(counts, labels), epoch);
      await writer.flush();
    },
    async close() {
      await writer?.close();
    }
  };
}
export {
  confusionMatrix as default
};
