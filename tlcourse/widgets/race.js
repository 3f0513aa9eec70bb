// The classroom's chart: how many unseen pictures each run gets right, epoch by epoch. Every curve
// has its name beside it.
import { svg } from "./dom.js";

const DASHES = ["", "12 6", "3 6", "14 5 3 5"];
const [WIDTH, HEIGHT] = [640, 268];
const BOX = { left: 54, right: 262, top: 14, bottom: 56 };
const LINE = 25;

export const colour = (run) => `run-${run.id % 4}`;

export function race(runs, judged, classes) {
  const longest = Math.max(10, ...runs.map((run) => run.rows.length));
  const x = (epoch) => BOX.left + ((epoch - 1) / (longest - 1)) * (WIDTH - BOX.left - BOX.right);
  const y = (share) => BOX.top + (1 - share) * (HEIGHT - BOX.top - BOX.bottom);
  const marks = [0, 0.5, 1].flatMap((share) => [
    svg("line", { class: "grid", x1: BOX.left, x2: WIDTH - BOX.right, y1: y(share), y2: y(share) }),
    svg("text", { x: BOX.left - 8, y: y(share) + 6, "text-anchor": "end" },
      `${Math.round(share * judged)}`),
  ]);
  marks.push(
    svg("text", { x: BOX.left + 6, y: y(0) - 8 }, `right, of ${judged}`),
    svg("line", { class: "guess", x1: BOX.left, x2: WIDTH - BOX.right, y1: y(1 / classes), y2: y(1 / classes) }),
    svg("text", { x: WIDTH - BOX.right, y: y(1 / classes) + 22, "text-anchor": "end" }, "guessing"),
    svg("text", { x: BOX.left, y: HEIGHT - 8 }, `epochs: 1 to ${longest} times through the pictures`));
  const ends = [];
  for (const run of runs) {
    const rows = run.rows.filter((row) => row.validation_accuracy !== null);
    if (!rows.length) continue;
    const points = rows.map((row) => `${x(row.epoch).toFixed(1)},${y(row.validation_accuracy).toFixed(1)}`);
    const last = rows[rows.length - 1];
    marks.push(
      svg("polyline", { class: `line ${colour(run)}`, "stroke-dasharray": DASHES[run.id % 4], points: points.join(" ") }),
      svg("circle", { class: `dot ${colour(run)}`, cx: x(last.epoch), cy: y(last.validation_accuracy), r: 6 }));
    ends.push({ run, from: [x(last.epoch), y(last.validation_accuracy)], at: y(last.validation_accuracy) });
  }
  marks.push(...apart(ends).flatMap(({ run, from, at }) => [
    svg("path", { class: `lead ${colour(run)}`, d: `M${from[0] + 8} ${from[1]}L${WIDTH - BOX.right + 6} ${at}` }),
    svg("text", { class: `name ${colour(run)}`, x: WIDTH - BOX.right + 10, y: at + 6 }, run.label),
  ]));
  return svg("svg",
    {
      class: "tlc-race",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": runs.map((run) => `${run.label}: ${score(run, judged)}`).join("; "),
    }, ...marks);
}

// Names keep a line's distance from each other, in the order of their curves.
function apart(ends) {
  const sorted = [...ends].sort((a, b) => a.at - b.at);
  sorted.forEach((end, i) => {
    if (i) end.at = Math.max(end.at, sorted[i - 1].at + LINE);
  });
  let limit = HEIGHT - BOX.bottom;
  for (const end of sorted.reverse()) {
    end.at = Math.min(end.at, limit);
    limit = end.at - LINE;
  }
  return sorted;
}

export const right = (run, judged) => {
  const last = run.rows[run.rows.length - 1];
  if (run.state === "running") return last ? Math.round(last.validation_accuracy * judged) : null;
  return run.best === null ? null : Math.round(run.best * judged);
};

export function score(run, judged) {
  const count = right(run, judged);
  return count === null ? "not judged yet" : `${count} of ${judged} right`;
}

// What a finished run shows, in a sentence.
export function verdict(run, judged, classes) {
  if (run.state === "failed" || run.best === null) return "";
  const last = run.rows[run.rows.length - 1];
  const knows = Math.round(100 * last.train_accuracy);
  if (run.best < 1 / classes + 0.12) {
    return `Hardly better than guessing: in ${run.rows.length} epochs it has not learnt to see` +
      (knows > 70 ? `; the pictures it was given it knows by heart (${knows} %).` : ".");
  }
  if (knows - 100 * run.best > 25) {
    return `It knows the pictures it was given (${knows} % right) much better than new ones.`;
  }
  return "What it learnt holds for pictures that it has never seen.";
}
