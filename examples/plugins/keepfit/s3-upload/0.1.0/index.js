import { encodePath, signedHeaders } from "./sign.js";

/**
 * Copy a folder of checkpoints to an S3-compatible store: after every n-th epoch and at the end,
 * each new or changed file. `model.json` is uploaded last, so that a readable one means a complete
 * checkpoint. List the plugin after the callback that saves.
 */
export default function s3Upload(options, context) {
  const { endpoint, bucket, prefix, directory, region, everyEpochs, retries } = options;
  // Parsed without URL, which the sandbox lacks.
  const [, origin, host, folder = ""] = /^(https?:\/\/([^/?#]+))(\/[^?#]*)?$/.exec(endpoint) ?? [];
  if (origin === undefined) {
    throw new TypeError(
      `Cannot upload to S3: expected an endpoint such as https://host, got ${endpoint}`,
    );
  }
  const keyId = context.env("AWS_ACCESS_KEY_ID");
  const secret = context.env("AWS_SECRET_ACCESS_KEY");
  if (!keyId || !secret) {
    throw new TypeError(
      "Cannot upload to S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be in the environment",
    );
  }
  const sessionToken = context.env("AWS_SESSION_TOKEN");
  /** Marks of the uploaded files by name, to detect changes without downloading. */
  let sent = {};

  async function put(name, body) {
    const key = [bucket, prefix, name].filter((part) => part !== "").join("/");
    const path = `${folder.replace(/\/$/, "")}/${encodePath(key)}`;
    for (let attempt = 0;; attempt++) {
      let problem;
      try {
        const headers = signedHeaders({
          host,
          path,
          body,
          region,
          keyId,
          secret,
          sessionToken,
        });
        const { status, text } = await context.fetch(`${origin}${path}`, {
          method: "PUT",
          headers,
          body,
        });
        if (status < 300) return;
        const reason = /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? "";
        problem = new Error(`the store answered ${status} ${reason}`.trimEnd());
        if (status < 500 && status !== 429) throw Object.assign(problem, { final: true });
      } catch (error) {
        problem = error;
      }
      if (problem.final || attempt >= retries) {
        throw new Error(`Cannot upload ${name} to ${host}/${bucket}: ${problem.message}`);
      }
    }
  }

  async function upload() {
    const names = await context.list(directory);
    const isManifest = (name) => name.endsWith("model.json");
    // A manifest lists weights, so it must not be visible before they are.
    names.sort((a, b) => isManifest(a) - isManifest(b));
    for (const path of names) {
      const body = await context.read(path);
      const mark = markOf(body);
      if (sent[path] === mark) continue;
      await put(path.slice(directory.length).replace(/^\/+/, ""), body);
      sent[path] = mark;
    }
  }

  return {
    async onEpochEnd(epoch) {
      if ((epoch + 1) % everyEpochs === 0) await upload();
    },
    onTrainEnd: upload,
    getState: () => ({ sent }),
    setState(state) {
      sent = { ...state.sent };
    },
  };
}

/** FNV-1a of all bytes, with their number; only to detect changes. */
function markOf(bytes) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return `${bytes.length}-${(hash >>> 0).toString(16)}`;
}
