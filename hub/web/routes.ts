import { Hono } from "hono";
import type { PluginStore, RunStore } from "../stores/types.ts";
import { renderPage } from "./page.ts";

/** The hub's page. Further pages belong below `/web/`. */
export function webRoutes(plugins: PluginStore, runs: RunStore): Hono {
  const app = new Hono({ strict: false });
  app.get("/", async (c) => {
    c.header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'");
    return c.html(await renderPage(await plugins.index(), await runs.list()));
  });
  return app;
}
