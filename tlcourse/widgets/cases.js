// The table of cases.py, for pages without a kernel; a test compares the two.

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
