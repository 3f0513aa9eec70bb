// Where a place lies among the regions and points of cases.py, and what is said of it.

export const LARGEST = 1000;

export function regionAt(regions, perClass, similarity) {
  const holds = (value, [low, high], most) =>
    (low <= value && value < high) || (value === high && high === most);
  return (
    regions.find(
      (region) =>
        holds(perClass, region.per_class, LARGEST) && holds(similarity, region.similarity, 1),
    ) ?? null
  );
}

export function nearestPoint(points, perClass, similarity) {
  let best = null;
  let least = Infinity;
  points.forEach((point, i) => {
    const size = (Math.log10(point.per_class) - Math.log10(perClass)) ** 2 / 9;
    const distance = size + (point.similarity - similarity) ** 2;
    if (distance < least) [best, least] = [i, distance];
  });
  return best;
}

const WORDS = {
  linear_probe: "Train a new head only",
  finetune_all: "Start pretrained, train everything",
  scratch: "Train everything from nothing",
  last: "Train the last {} stages too",
  hidden: "Remove the last {} stages, add a hidden layer",
  reinit: "Train the last {} stages from nothing",
  cut: "Cut the network after {}, train a new head",
};

// A strategy in words; its own name where there are none for it.
export function inWords(strategy) {
  const [, kind, what] = /^(last|hidden|reinit|cut)_(\w+)$/.exec(strategy) ?? [];
  const words = WORDS[strategy] ?? WORDS[kind]?.replace("{}", what) ?? strategy;
  return words.replace("last 1 stages", "last stage");
}

// How the recommendation fares among what was measured at a point: `lead` in points of accuracy by
// which the best other strategy is ahead of it, where that is more than the seeds' ranges overlap.
export function standing(scores, strategy) {
  const sorted = [...scores].sort((a, b) => b.mean - a.mean);
  const own = sorted.find((score) => score.strategy === strategy);
  if (!own) return { own: null, best: sorted[0] ?? null, lead: 0, beaten: false };
  const best = sorted[0];
  const lead = 100 * (best.mean - own.mean);
  return { own, best, lead, beaten: best !== own && (lead >= 1 || best.low > own.high) };
}
