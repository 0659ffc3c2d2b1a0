import { cellsOf } from "./cells.ts";

/**
 * The metrics that fit into a row, and an ellipsis instead of the others.
 *
 * @param metrics texts, each with its separator in front
 * @param room cells of the row
 */
export function shorten(metrics: string[], room: number): string {
  const whole = metrics.join("");
  if (cellsOf(whole) <= room) return whole;
  let line = "";
  for (const metric of metrics) {
    if (cellsOf(line + metric) + 2 <= room) line += metric;
  }
  return room >= 2 ? `${line} …` : "";
}

/**
 * Break metrics into rows. Rows after the first are indented to start below the bar, unless that
 * needs more rows.
 *
 * @param metrics texts, each with its separator in front
 * @param head cells in front of the metrics in the first row
 * @param room cells of a row; only a metric that is wider exceeds it
 * @param indent cells in front of the rows below
 */
export function breakRows(metrics: string[], head: number, room: number, indent: number): string[] {
  const broken = (margin: string) => {
    const rows = [""];
    let used = head;
    for (const metric of metrics) {
      const cells = cellsOf(metric);
      if (used + cells > room && used > margin.length) {
        rows.push(margin);
        used = margin.length;
      }
      rows[rows.length - 1] += metric;
      used += cells;
    }
    return rows;
  };
  const [flush, indented] = [broken(""), broken(" ".repeat(indent))];
  const isWithin = indented.slice(1).every((row) => cellsOf(row) <= room);
  return isWithin && indented.length === flush.length ? indented : flush;
}
