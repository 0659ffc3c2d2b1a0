import { niceTicks } from "./ticks.js";

const plotWidth = 540;
const panelHeight = 300;
const margin = { top: 24, right: 24, bottom: 46, left: 64 };
// Distinguishable in gray and for color-blind people; validation is also dashed.
const colors = ["#0b63b6", "#c2410c", "#15803d", "#7e22ce", "#b91c1c", "#0f766e"];

/** An SVG with one panel for losses and one for metrics. */
export function lineChart(title, epochs) {
  const names = [...new Set(epochs.flatMap(({ logs }) => Object.keys(logs)))]
    .filter((name) => epochs.some(({ logs }) => Number.isFinite(logs[name])));
  const isLoss = (name) => /(^|_)loss$|error/i.test(name);
  // Text cannot be measured here; 8 per character is slightly more than most fonts need.
  const legendWidth = 8 * (Math.max(0, ...names.map((name) => name.length)) + 8) + 48;
  const width = margin.left + plotWidth + legendWidth + margin.right;
  const panels = [
    { label: "loss", names: names.filter(isLoss) },
    { label: "metrics", names: names.filter((name) => !isLoss(name) && name !== "learning_rate") },
  ].filter((panel) => panel.names.length > 0);
  const height = 40 + panels.length * panelHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="#222">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${margin.left}" y="30" font-size="18" font-weight="600">${escape(title)}</text>`,
    ...panels.map((panel, i) => drawPanel(panel, epochs, 40 + i * panelHeight)),
    "</svg>",
    "",
  ].join("\n");
}

function drawPanel({ label, names }, epochs, top) {
  const values = names.flatMap((name) => epochs.map(({ logs }) => logs[name]))
    .filter((value) => Number.isFinite(value));
  const yTicks = niceTicks(Math.min(...values), Math.max(...values), 5);
  const first = epochs[0].epoch;
  const last = Math.max(epochs[epochs.length - 1].epoch, first + 1);
  const xTicks = niceTicks(first, last, 8).filter((x) =>
    Number.isInteger(x) && x >= first && x <= last
  );
  const plot = {
    left: margin.left,
    right: margin.left + plotWidth,
    top: top + margin.top,
    bottom: top + panelHeight - margin.bottom,
  };
  const [low, high] = [yTicks[0], yTicks[yTicks.length - 1]];
  const x = (epoch) =>
    round(plot.left + (epoch - first) / (last - first) * (plot.right - plot.left));
  const y = (value) => round(plot.bottom - (value - low) / (high - low) * (plot.bottom - plot.top));

  const parts = [`<g aria-label="${label}">`];
  for (const tick of yTicks) {
    parts.push(
      `<line x1="${plot.left}" x2="${plot.right}" y1="${y(tick)}" y2="${
        y(tick)
      }" stroke="#e5e5e5"/>`,
      `<text x="${plot.left - 8}" y="${y(tick) + 4}" text-anchor="end" fill="#555">${
        show(tick)
      }</text>`,
    );
  }
  for (const tick of xTicks) {
    parts.push(
      `<line x1="${x(tick)}" x2="${x(tick)}" y1="${plot.bottom}" y2="${
        plot.bottom + 5
      }" stroke="#555"/>`,
      `<text x="${x(tick)}" y="${
        plot.bottom + 20
      }" text-anchor="middle" fill="#555">${tick}</text>`,
    );
  }
  parts.push(
    `<path d="M${plot.left} ${plot.top}V${plot.bottom}H${plot.right}" fill="none" stroke="#555"/>`,
    `<text x="${(plot.left + plot.right) / 2}" y="${
      plot.bottom + 38
    }" text-anchor="middle">epoch</text>`,
    `<text transform="translate(16 ${
      (plot.top + plot.bottom) / 2
    }) rotate(-90)" text-anchor="middle">${label}</text>`,
  );
  names.forEach((name, i) => {
    // A metric and its validation share a color.
    const plain = name.replace(/^val_/, "");
    const kinds = [...new Set(names.map((one) => one.replace(/^val_/, "")))];
    const color = colors[kinds.indexOf(plain) % colors.length];
    const dash = name === plain ? "" : ` stroke-dasharray="6 4"`;
    const points = epochs.filter(({ logs }) => Number.isFinite(logs[name]));
    const line = points.map(({ epoch, logs }) => `${x(epoch)} ${y(logs[name])}`);
    parts.push(
      `<path d="M${
        line.join("L")
      }" fill="none" stroke="${color}" stroke-width="2" stroke-linejoin="round"${dash}/>`,
      ...points.map(({ epoch, logs }) =>
        `<circle cx="${x(epoch)}" cy="${y(logs[name])}" r="2.5" fill="${color}"/>`
      ),
    );
    const legend = plot.top + 8 + i * 22;
    const latest = points[points.length - 1].logs[name];
    parts.push(
      `<path d="M${plot.right + 16} ${legend}h24" stroke="${color}" stroke-width="2"${dash}/>`,
      `<text x="${plot.right + 48}" y="${legend + 4}">${escape(name)} <tspan fill="#555">${
        show(latest)
      }</tspan></text>`,
    );
  });
  parts.push("</g>");
  return parts.join("\n");
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function show(value) {
  return String(Number(value.toPrecision(3)));
}

function escape(text) {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
