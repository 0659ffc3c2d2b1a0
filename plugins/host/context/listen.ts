import { messageOf } from "../../../core/errors.ts";
import type { ContextParts, PluginContext } from "./mod.ts";
import { shown } from "./shown.ts";
import { PluginError } from "../../errors.ts";
import { isGranted } from "../../project/grants.ts";
import { TextServer } from "../text_server.ts";

const maxPaths = 1000;
/** Maximum length of a path and of a content type. */
const maxPathLength = 1000;

/** Serve texts on the first declared address that was granted. */
export function listenAccess(parts: ContextParts): Pick<PluginContext, "publish"> {
  const { manifest: { id }, grants: { listen }, limits, run, runtime } = parts;
  const address = listen?.declared.find((one) =>
    isGranted(listen, one, (granted, requested) => granted === requested)
  );
  if (address === undefined) return {};
  const sizes = new Map<string, number>();
  let opening: Promise<TextServer> | undefined;
  run.closers.push(async () => {
    const server = await opening?.catch(() => undefined);
    opening = undefined;
    sizes.clear();
    await server?.leave(run);
  });

  async function open(): Promise<TextServer> {
    const { hostname, port } = addressOf(address as string, id);
    try {
      return await TextServer.open(runtime.serve, hostname, port, run);
    } catch (error) {
      opening = undefined;
      const { cause } = error as { cause?: { code?: unknown } };
      const isInUse = cause?.code === "EADDRINUSE";
      throw new PluginError("E_PERMISSION", `Plugin ${id} cannot listen on ${address}`, {
        actual: isInUse
          ? "it is in use by another program, or by another part of this one"
          : messageOf(error),
        hint: isInUse ? "stop that program, or let the plugin listen on another port" : undefined,
        cause: error,
      });
    }
  }

  return {
    publish: async (path, text, contentType = "text/plain; charset=utf-8") =>
      run.track(`publish ${shown(path)}`, async () => {
        checkPage(path, text, contentType);
        if (!sizes.has(path) && sizes.size === maxPaths) {
          throw new PluginError(
            "E_LIMIT",
            `Plugin ${id} may not publish ${path}: it has too many paths`,
            {
              expected: `at most ${maxPaths} paths`,
            },
          );
        }
        // UTF-16 units are close enough to bytes here.
        let total = text.length;
        for (const [other, size] of sizes) if (other !== path) total += size;
        if (total > limits.bytes) {
          throw new PluginError(
            "E_LIMIT",
            `Plugin ${id} may not publish ${path}: the text is too long`,
            {
              expected: `at most ${limits.bytes} characters on all paths`,
              actual: `${total} characters`,
            },
          );
        }
        opening ??= open();
        const url = await (await opening).put(path, text, contentType, run);
        if (url === undefined) {
          throw new PluginError("E_PERMISSION", `Plugin ${id} may not publish ${path}`, {
            expected: "a path that no other plugin uses",
            actual: `another plugin is at ${path} of ${address}`,
          });
        }
        sizes.set(path, text.length);
        return url;
      }),
  };
}

function addressOf(address: string, id: string): { hostname: string; port: number } {
  const [, host, port] = /^(\[[\da-f:.]+\]|[\w.-]+):(\d{1,5})$/i.exec(address) ?? [];
  if (host !== undefined && Number(port) < 2 ** 16) {
    return { hostname: host.replace(/^\[|\]$/g, ""), port: Number(port) };
  }
  throw new PluginError("E_PERMISSION", `Plugin ${id} cannot listen on ${address}`, {
    expected: "a host and a port, such as 127.0.0.1:9464",
    actual: address,
  });
}

function checkPage(path: unknown, text: unknown, contentType: unknown): void {
  const isPath = typeof path === "string" && path.length <= maxPathLength &&
    path.startsWith("/") && !/[?#]/.test(path) &&
    new URL(`http://localhost${path}`).pathname === path;
  if (!isPath) {
    throw new TypeError(
      `Cannot publish at ${shown(path)}: expected a URL path, such as /metrics`,
    );
  }
  if (typeof text !== "string") {
    throw new TypeError(`Cannot publish ${path}: expected text, got ${typeof text}`);
  }
  if (
    typeof contentType !== "string" || contentType.length > maxPathLength ||
    !/^[\w.+-]+\/[\w.+-]+(?:; ?[\w-]+=[\w.-]+)*$/.test(contentType)
  ) {
    throw new TypeError(`Cannot publish ${path}: expected a content type, such as text/plain`);
  }
}
