/** Rates and losses of a learning rate sweep, step by step. */
export interface Sweep {
  learningRates: readonly number[];
  losses: readonly number[];
  smoothedLosses: readonly number[];
  suggestion: number | undefined;
}

const width = 720;
const height = 400;
const plot = { left: 64, right: 696, top: 24, bottom: 340 };

/** Draw the losses of a sweep as an SVG document with a logarithmic rate axis. */
export function drawSweep({ learningRates, losses, smoothedLosses, suggestion }: Sweep): string {
  const decades = [learningRates[0], learningRates[learningRates.length - 1]].map(Math.log10);
  const x = scale(decades, [plot.left, plot.right]);
  const limits = limitsOf(smoothedLosses);
  const y = scale(limits, [plot.bottom, plot.top]);
  const point = (loss: number, i: number) => `${x(Math.log10(learningRates[i]))},${y(loss)}`;
  const dots = losses.flatMap((loss, i) => {
    if (loss < limits[0] || loss > limits[1]) return [];
    const [cx, cy] = point(loss, i).split(",");
    return `<circle class="loss" cx="${cx}" cy="${cy}" r="2"/>`;
  });
  const at = suggestion === undefined ? -1 : learningRates.indexOf(suggestion);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" role="img" aria-label="Loss over learning rate">`,
    `<style>${style}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    ...ticks(limits).map((loss) => horizontal(y(loss), round(loss))),
    ...decadesIn(decades).map((exponent) => vertical(x(exponent), exponent)),
    `<text class="title" x="${(plot.left + plot.right) / 2}" y="388">learning rate</text>`,
    `<text class="title" transform="translate(16 ${(plot.top + plot.bottom) / 2}) rotate(-90)">` +
    `loss</text>`,
    `<clipPath id="plot"><rect x="${plot.left}" y="${plot.top}" ` +
    `width="${plot.right - plot.left}" height="${plot.bottom - plot.top}"/></clipPath>`,
    `<g clip-path="url(#plot)">`,
    ...dots,
    `<polyline class="smoothed" points="${smoothedLosses.map(point).join(" ")}"/>`,
    `</g>`,
    ...(at < 0 ? [] : mark(point(smoothedLosses[at], at), learningRates[at])),
    `</svg>\n`,
  ].join("\n");
}

const style = [
  "text{font:12px system-ui,sans-serif;fill:#555}",
  ".paper{fill:#fff}",
  ".grid{stroke:#e5e5e5}",
  ".tick{text-anchor:end;dominant-baseline:middle}",
  ".decade,.title{text-anchor:middle}",
  ".title{fill:#222}",
  ".loss{fill:#4c78a8;opacity:.35}",
  ".smoothed{fill:none;stroke:#4c78a8;stroke-width:2;stroke-linejoin:round}",
  ".mark{stroke:#d1495b;stroke-dasharray:4 3}",
  ".found{fill:#d1495b}",
  "text.found{font-weight:600}",
  "@media(prefers-color-scheme:dark){text{fill:#aaa}.paper{fill:#1b1b1f}.grid{stroke:#333}" +
  ".title{fill:#eee}.loss{fill:#8ab4dc}.smoothed{stroke:#8ab4dc}.mark{stroke:#ff8a98}" +
  ".found,text.found{fill:#ff8a98}}",
].join("");

/** Maps a range of values to a range of pixels. */
function scale([from, to]: number[], [start, end]: number[]): (value: number) => number {
  const span = to - from || 1;
  return (value) => Number((start + (value - from) / span * (end - start)).toFixed(1));
}

/** Visible range of the losses, without most of the final rise, which would flatten the rest. */
function limitsOf(losses: readonly number[]): [number, number] {
  const lowest = Math.min(...losses);
  const before = Math.max(...losses.slice(0, losses.indexOf(lowest) + 1));
  const after = Math.max(...losses);
  const room = (before - lowest || after - lowest || Math.abs(lowest) || 1) * 0.1;
  return [lowest - room, Math.min(after, before + 5 * room) + room];
}

/** About five round numbers in a range. */
function ticks([from, to]: number[]): number[] {
  const raw = (to - from) / 5;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * ([1, 2, 5].find((times) => times * unit >= raw) ?? 10);
  const found = [];
  for (let i = Math.ceil(from / step); i * step <= to; i++) found.push(i * step);
  return found;
}

function decadesIn([from, to]: number[]): number[] {
  const found = [];
  for (let exponent = Math.ceil(from - 1e-9); exponent <= to + 1e-9; exponent++) {
    found.push(exponent);
  }
  return found;
}

function horizontal(y: number, label: string): string {
  return `<path class="grid" d="M${plot.left} ${y}H${plot.right}"/>` +
    `<text class="tick" x="${plot.left - 8}" y="${y}">${label}</text>`;
}

function vertical(x: number, exponent: number): string {
  const label = exponent >= -2 && exponent <= 3 ? round(10 ** exponent) : `1e${exponent}`;
  return `<path class="grid" d="M${x} ${plot.top}V${plot.bottom}"/>` +
    `<text class="decade" x="${x}" y="${plot.bottom + 20}">${label}</text>`;
}

/** A mark at the suggested rate, with its label on the side with more room. */
function mark(point: string, learningRate: number): string[] {
  const [x, y] = point.split(",").map(Number);
  const isLeft = x > (plot.left + plot.right) / 2;
  return [
    `<path class="mark" d="M${x} ${plot.top}V${plot.bottom}"/>`,
    `<circle class="found" cx="${x}" cy="${y}" r="5"/>`,
    `<text class="found" x="${x + (isLeft ? -10 : 10)}" y="${plot.top + 14}" ` +
    `text-anchor="${isLeft ? "end" : "start"}">suggestion ${learningRate.toPrecision(3)}</text>`,
  ];
}

function round(value: number): string {
  return String(Number(value.toPrecision(6)));
}
