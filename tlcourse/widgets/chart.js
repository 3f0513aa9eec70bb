// Accuracy by epoch, a line a run.
import { h, svg } from "./dom.js";

const DASHES = ["", "7 3", "2 3", "9 3 2 3"];
const WIDTH = 560;
const HEIGHT = 220;
const BOX = { left: 40, right: 12, top: 10, bottom: 34 };

export function accuracyChart(runs) {
  const epochs = Math.max(5, ...runs.map((run) => run.rows.length));
  const x = (epoch) => BOX.left + ((epoch - 1) / (epochs - 1)) * (WIDTH - BOX.left - BOX.right);
  const y = (value) => BOX.top + (1 - value) * (HEIGHT - BOX.top - BOX.bottom);
  const marks = [];
  for (const value of [0, 0.25, 0.5, 0.75, 1]) {
    marks.push(
      svg("line", { class: "grid", x1: BOX.left, x2: WIDTH - BOX.right, y1: y(value), y2: y(value) }),
      svg("text", { x: BOX.left - 6, y: y(value) + 4, "text-anchor": "end" }, `${value}`),
    );
  }
  const step = Math.max(1, Math.round(epochs / 6));
  for (let epoch = 1; epoch <= epochs; epoch += step) {
    marks.push(svg("text", { x: x(epoch), y: HEIGHT - 18, "text-anchor": "middle" }, `${epoch}`));
  }
  marks.push(svg("text", { x: x((1 + epochs) / 2), y: HEIGHT - 3, "text-anchor": "middle" }, "epoch"));
  for (const run of runs) {
    for (const [column, kind] of [
      ["train_accuracy", "train"],
      ["validation_accuracy", "validation"],
    ]) {
      const rows = run.rows.filter((row) => row[column] !== null);
      if (!rows.length) continue;
      const points = rows.map((row) => `${x(row.epoch).toFixed(1)},${y(row[column]).toFixed(1)}`);
      marks.push(
        svg("polyline", {
          class: `line run-${run.id % 4} ${kind}`,
          "stroke-dasharray": kind === "train" ? "1 4" : DASHES[run.id % 4],
          points: points.join(" "),
        }),
      );
      const last = rows[rows.length - 1];
      if (kind === "validation") {
        marks.push(
          svg("circle", { class: `dot run-${run.id % 4}`, cx: x(last.epoch), cy: y(last[column]), r: 4 }),
        );
      }
    }
  }
  return svg(
    "svg",
    { class: "tlx-chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": sayRuns(runs) },
    ...marks,
  );
}

const sayRuns = (runs) =>
  `Accuracy by epoch. ${runs.map((run) => `${run.label}: ${sayRun(run)}`).join("; ")}`;

export function sayRun(run) {
  const state = { running: "training", failed: "failed", stopped: "stopped", done: "" }[run.state];
  const parts = [state, `${run.rows.length} epochs`];
  if (run.best !== null) parts.push(`best validation accuracy ${run.best.toFixed(3)}`);
  if (run.state !== "running") parts.push(`${run.seconds.toFixed(1)} s`);
  return parts.filter(Boolean).join(", ");
}

export function runTable(runs) {
  const swatch = (run) =>
    svg(
      "svg",
      { class: "tlx-swatch", viewBox: "0 0 34 10", "aria-hidden": "true" },
      svg("line", {
        class: `line run-${run.id % 4}`,
        x1: 0, x2: 34, y1: 5, y2: 5,
        "stroke-dasharray": DASHES[run.id % 4],
      }),
    );
  return h(
    "ul",
    { class: "tlx-runs" },
    ...runs.map((run) => h("li", {}, swatch(run), h("b", {}, run.label), ` ${sayRun(run)}`)),
  );
}
