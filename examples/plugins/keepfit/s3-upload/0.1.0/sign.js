import { hmac, sha256, toHex } from "./sha256.js";

const utf8 = (text) => new TextEncoder().encode(text);

/**
 * The headers of a signed PUT: AWS Signature Version 4, in the form that every S3-compatible store
 * checks.
 *
 * @param {{ host: string, path: string, body: Uint8Array, region: string, keyId: string,
 *   secret: string, sessionToken?: string, now?: Date }} request `path` is encoded
 * @returns {Record<string, string>}
 */
export function signedHeaders(request) {
  const { host, path, body, region, keyId, secret, sessionToken, now = new Date() } = request;
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = time.slice(0, 8);
  const headers = {
    host,
    "x-amz-content-sha256": toHex(sha256(body)),
    "x-amz-date": time,
    ...(sessionToken === undefined ? {} : { "x-amz-security-token": sessionToken }),
  };
  const names = Object.keys(headers).sort();
  const signed = names.join(";");
  const canonical = [
    "PUT",
    path,
    "",
    ...names.map((name) => `${name}:${headers[name]}`),
    "",
    signed,
    headers["x-amz-content-sha256"],
  ].join("\n");
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", time, scope, toHex(sha256(utf8(canonical)))].join("\n");
  const key = [day, region, "s3", "aws4_request"]
    .reduce((last, part) => hmac(last, utf8(part)), utf8(`AWS4${secret}`));
  const signature = toHex(hmac(key, utf8(toSign)));
  // The client sets the host header.
  const { host: _, ...sent } = headers;
  return {
    ...sent,
    authorization:
      `AWS4-HMAC-SHA256 Credential=${keyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`,
  };
}

/** A path as the signature requires it: all except unreserved characters and slashes is encoded. */
export function encodePath(path) {
  return path.split("/").map((part) =>
    encodeURIComponent(part).replace(
      /[!'()*]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
    )
  ).join("/");
}
