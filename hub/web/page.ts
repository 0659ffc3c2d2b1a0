import { html } from "hono/html";
import type { RegistryIndex } from "../registry/format.ts";
import type { RunSummary, RunValue } from "../runs/protocol.ts";

/** The hub's page: its plugins, and the latest epoch of each run. */
export function renderPage(
  index: RegistryIndex,
  runs: readonly RunSummary[],
): ReturnType<typeof html> {
  return html`
    <!doctype html>
    <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <meta http-equiv="refresh" content="10">
    <title>keepfit hub</title>
    <style>
    body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
    table { border-collapse: collapse; width: 100% }
    th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
    .number { font-variant-numeric: tabular-nums }
    </style>
    <h1>keepfit hub</h1>
    <h2>Plugins</h2>
    ${index.plugins.length === 0
      ? html`<p>None yet. Publish one with <code>keepfit pack</code>.</p>`
      : html`<table>
<tr><th>Plugin</th><th>Latest</th><th>What it does</th></tr>
${
        index.plugins.map(({ id, latest, description }) =>
          html`
            <tr>
              <td><a href="/${id}/meta.json">${id}</a></td>
              <td>${latest === undefined
                ? "none: every version is yanked"
                : html`<a href="/${id}/${latest}/callback.plugin.json">${latest}</a>`}</td>
              <td>${description}</td>
            </tr>
          `
        )
      }</table>`}
    <h2>Runs</h2>
    ${runs.length === 0
      ? html`<p>None yet. Point a <code>RemoteMonitor</code> here.</p>`
      : html`<table>
<tr><th>Run</th><th>Epoch</th><th>Logs</th><th>Last report</th></tr>
${
        runs.map(({ id, last, updated }) =>
          html`
            <tr>
              <td><a href="/api/v1/runs/${id}">${id}</a></td>
              <td class="number">${last.epoch + 1}</td>
              <td class="number">${showLogs(last)}</td>
              <td><time datetime="${updated}">${updated}</time></td>
            </tr>
          `
        )
      }</table>`}
    </html>
  `;
}

function showLogs(logs: Record<string, RunValue>): string {
  return Object.entries(logs).filter(([name]) => name !== "epoch")
    .map(([name, value]) => `${name} ${typeof value === "number" ? +value.toPrecision(4) : value}`)
    .join(", ");
}
