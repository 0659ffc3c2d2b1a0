import { Hono } from "hono";
import { answerError, notFound } from "./answer.ts";
import { refuseOtherHosts } from "./auth/hosts.ts";
import type { Tokens } from "./auth/tokens.ts";
import { PluginLog } from "./log/log.ts";
import { logFileRoutes, logRoutes } from "./log/routes.ts";
import { registryRoutes } from "./registry/routes.ts";
import { schemaRoutes } from "./registry/schema_routes.ts";
import { reportRoutes, runRoutes } from "./runs/routes.ts";
import type { PluginStore, RunStore } from "./stores/types.ts";
import { webRoutes } from "./web/routes.ts";

/**
 * Mount the routes of a hub. The return type is inferred, because `hc` needs the type of every
 * route. New routes belong below `/api/v1/`, new pages below `/web/` (see `reservedOwners`).
 */
export function mountRoutes(
  plugins: PluginStore,
  runs: RunStore,
  tokens: Tokens,
  hosts: readonly string[] = [],
  log: PluginLog = new PluginLog(plugins),
) {
  const app = new Hono({ strict: false });
  app.onError(answerError);
  app.notFound(notFound);
  app.use(refuseOtherHosts(hosts), async (c, next) => {
    await next();
    c.header("x-content-type-options", "nosniff");
  });
  return app
    .get("/healthz", (c) => c.json({ status: "ok" }))
    .route("/", webRoutes(plugins, runs))
    .route("/schemas", schemaRoutes())
    .route("/api/v1/runs", runRoutes(runs))
    .route("/runs", runRoutes(runs))
    .route("/api/v1/log", logRoutes(log))
    .route("/", logFileRoutes(log))
    .route("/publish", reportRoutes(runs))
    // The registry is last, because its URLs begin with the name of an owner.
    .route("/", registryRoutes(plugins, tokens, log));
}
