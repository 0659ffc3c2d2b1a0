import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import {
  driveEpochs,
  loadForTest,
  type LoadForTestOptions,
  type RecordedRequest,
} from "keepfit/testing";
import { hmac, sha256, toHex } from "./0.1.0/sha256.js";

const source = new URL("0.1.0/", import.meta.url);
const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const files = {
  "runs/best/model.json": "{}",
  "runs/best/group1-shard1of1.bin": new Uint8Array([1, 2, 3, 250]),
};
const options = {
  endpoint: "https://s3.example.com",
  bucket: "models",
  prefix: "a b/(1)",
  directory: "runs/best",
};

/** The signature of a request, computed with node:crypto according to the AWS documentation. */
function expectedSignature({ url, headers }: RecordedRequest): string {
  const { host, pathname } = new URL(url);
  const sign = (key: string | Uint8Array, text: string) =>
    createHmac("sha256", key).update(text).digest();
  const [, scope, names] = /Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+),/
    .exec(headers.authorization) ?? [];
  const all: Record<string, string> = { ...headers, host };
  const canonical = [
    "PUT",
    pathname,
    "",
    ...names.split(";").map((name) => `${name}:${all[name]}`),
    "",
    names,
    headers["x-amz-content-sha256"],
  ].join("\n");
  const hash = createHash("sha256").update(canonical).digest("hex");
  const toSign = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hash].join("\n");
  const key = scope.split("/").reduce<string | Uint8Array>(sign, `AWS4${secret}`);
  return sign(key, toSign).toString("hex");
}

describe("SHA-256 and HMAC", () => {
  it("SHA-256 and HMAC agree with node:crypto for every length around a block", () => {
    for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7);
      assert.equal(toHex(sha256(bytes)), createHash("sha256").update(bytes).digest("hex"));
      const key = bytes.slice(0, 80);
      assert.equal(
        toHex(hmac(key, bytes)),
        createHmac("sha256", key).update(bytes).digest("hex"),
      );
    }
  });
});

describe("The S3 upload", () => {
  const names = { AWS_ACCESS_KEY_ID: "AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY: secret };
  const previous = new Map<string, string | undefined>();
  before(() => {
    for (const [name, value] of Object.entries(names)) {
      previous.set(name, process.env[name]);
      process.env[name] = value;
    }
  });
  after(() => {
    for (const [name, value] of previous) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  for (const tier of ["trusted", "sandboxed"] as const) {
    const load = (more: LoadForTestOptions = {}) =>
      loadForTest(source, { tier, options, files, ...more });

    it(`The S3 upload uploads each file once, signed, model.json last (${tier})`, async () => {
      const { callback, requests } = await load();
      const { failures } = await driveEpochs(callback, { epochs: [{ loss: 1 }, { loss: 1 }] });
      assert.deepEqual(failures, []);
      assert.deepEqual(requests.map(({ method, url }) => [method, url]), [
        ["PUT", "https://s3.example.com/models/a%20b/%281%29/group1-shard1of1.bin"],
        ["PUT", "https://s3.example.com/models/a%20b/%281%29/model.json"],
      ]);
      for (const request of requests) {
        const [, signature] = /Signature=(\w+)$/.exec(request.headers.authorization) ?? [];
        assert.equal(signature, expectedSignature(request));
      }
      const [, { headers }] = requests;
      const hash = createHash("sha256").update("{}").digest("hex");
      assert.equal(headers["x-amz-content-sha256"], hash);
    });

    it(`The S3 upload uploads a changed file again (${tier})`, async () => {
      const { callback, requests, fs } = await load();
      await driveEpochs([callback, {
        onEpochBegin: (epoch: number) =>
          epoch === 1 ? fs.writeFile("runs/best/model.json", "{ }") : undefined,
      }], { epochs: [{ loss: 1 }, { loss: 1 }] });
      assert.deepEqual(requests.map(({ url }) => url.split("/").at(-1)), [
        "group1-shard1of1.bin",
        "model.json",
        "model.json",
      ]);
    });

    it(`The S3 upload retries when the store fails, and reports rejections (${tier})`, async () => {
      let asked = 0;
      const flaky = await load({
        respond: () => new Response("", { status: asked++ === 0 ? 503 : 200 }),
      });
      assert.deepEqual((await driveEpochs(flaky.callback, { epochs: [{ loss: 1 }] })).failures, []);
      assert.equal(flaky.requests.length, 3);
      const refused = await load({
        respond: () => new Response("<Error><Code>AccessDenied</Code></Error>", { status: 403 }),
      });
      const { failures } = await driveEpochs(refused.callback, { epochs: [{ loss: 1 }] });
      assert.match(
        (failures[0].error as Error).message,
        /Cannot upload group1-shard1of1\.bin to s3\.example\.com\/models: the store answered 403 AccessDenied/,
      );
      assert.equal(refused.requests.length, 1);
    });
  }
});
