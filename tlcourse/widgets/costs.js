// What a choice of frozen stages costs, added up from the numbers of each stage. measure.py counts
// those, choice.py says what a network and a choice hold; tests hold the sums to what PyTorch does.

// Bytes that a trained parameter takes beside itself: its gradient and AdamW's two moments, float32.
const OPTIMIZER_BYTES = 12;
const FLOAT_BYTES = 4;

const sum = (list, value) => list.reduce((total, item) => total + value(item), 0);

// The kept stages, the lowest trained one's index, and the length of the frozen prefix.
export function stageFacts(network, choice) {
  const kept = network.stages.slice(0, choice.kept);
  const frozen = kept.map((stage) => choice.frozen.includes(stage.name));
  const still = kept.map(
    (stage, i) => frozen[i] && !(stage.batch_norm && choice.adapting.includes(stage.name)),
  );
  const firstFalse = (flags) => (flags.includes(false) ? flags.indexOf(false) : flags.length);
  return {
    kept,
    frozen,
    lowest: firstFalse(frozen),
    prefix: firstFalse(still),
    channels: kept[kept.length - 1].output[0],
  };
}

export function headSizes(network, choice, facts) {
  const units = [facts.channels, ...(choice.hidden ? [choice.hidden] : []), network.classes];
  return units.slice(1).map((outputs, i) => [units[i], outputs]);
}

function countParameters(network, choice, facts) {
  const head = sum(headSizes(network, choice, facts), ([i, o]) => i * o + o);
  const frozen = sum(facts.kept.filter((_, i) => facts.frozen[i]), (stage) => stage.parameters);
  const kept = sum(facts.kept, (stage) => stage.parameters);
  const total = sum(network.stages, (stage) => stage.parameters);
  return { trained: kept - frozen + head, new: head, frozen, removed: total - kept };
}

// Shares of the work of training everything. A backward pass through a trained layer computes two
// products as large as its forward pass, the gradient of its weights and that of its input; through
// a frozen layer only the second; below the lowest trained layer none, whose input needs no gradient.
function shareWork(network, choice, facts) {
  const sizes = headSizes(network, choice, facts);
  const head = sum(sizes, ([i, o]) => i * o);
  const forward = sum(facts.kept, (stage) => stage.macs) + head;
  const prefix = sum(facts.kept.slice(0, facts.prefix), (stage) => stage.macs);
  let backward = 2 * head;
  facts.kept.forEach((stage, i) => {
    if (i >= facts.lowest) backward += stage.macs * (facts.frozen[i] ? 1 : 2);
  });
  const lowest = facts.kept[facts.lowest];
  backward -= lowest ? lowest.entry : sizes[0][0] * sizes[0][1];
  const whole = sum(network.stages, (stage) => stage.macs) + head;
  const wholeBackward = 2 * whole - network.stages[0].entry;
  return {
    forward: forward / whole,
    backward: backward / wholeBackward,
    total: (forward + backward) / (whole + wholeBackward),
    cached_forward: (forward - prefix) / whole,
    cached_total: (forward - prefix + backward) / (whole + wholeBackward),
    prefix: prefix / whole,
  };
}

function keepMemory(network, choice, facts) {
  const head = FLOAT_BYTES * (facts.channels + 2 * choice.hidden);
  const kept = sum(facts.kept.slice(facts.lowest), (stage) => stage.kept) + head;
  const everything = sum(network.stages, (stage) => stage.kept) + head;
  return {
    activations: choice.batch * kept,
    activations_all: choice.batch * everything,
    optimizer: OPTIMIZER_BYTES * countParameters(network, choice, facts).trained,
  };
}

const countPictures = (network, choice) => choice.per_class * network.classes;

function sizeCache(network, choice, facts) {
  const stages = facts.kept.slice(0, facts.prefix);
  if (!stages.length) return { through: null, stages: 0, numbers: 0, bytes: 0 };
  const last = stages[stages.length - 1];
  const [channels, height, width] = last.output;
  // After the last stage only the mean over the picture is needed.
  const numbers = stages.length === facts.kept.length ? channels : channels * height * width;
  return {
    through: last.name,
    stages: stages.length,
    numbers,
    bytes: numbers * FLOAT_BYTES * countPictures(network, choice),
  };
}

// Time of an epoch, from the measured speed; reading pictures or the cache is left out.
function estimateSeconds(network, choice, facts) {
  const speed = network.speed;
  if (!speed) return null;
  const work = shareWork(network, choice, facts);
  const pictures = countPictures(network, choice);
  const backward = speed.backward * work.backward;
  return {
    plain: pictures * (speed.forward * work.forward + backward),
    cached: pictures * (speed.forward * work.cached_forward + backward),
    filling: pictures * speed.forward * work.prefix,
  };
}

// What does not make sense in a choice, as [kind, ...stages]. "adapting": batch norm alive in frozen
// stages. "below": stages thawed below a frozen one; "random_below": they begin from random weights.
function findWarnings(network, choice) {
  const facts = stageFacts(network, choice);
  const found = [];
  const names = (keep) => facts.kept.filter(keep).map((stage) => stage.name);
  const adapting = names(
    (stage, i) => facts.frozen[i] && stage.batch_norm && choice.adapting.includes(stage.name),
  );
  if (adapting.length) found.push(["adapting", ...adapting]);
  const highestFrozen = facts.frozen.lastIndexOf(true);
  const below = names((_, i) => i < highestFrozen && !facts.frozen[i]);
  if (below.length) {
    found.push([choice.start === "pretrained" ? "below" : "random_below", ...below]);
  }
  return found;
}

// Thawed stages from other weights: pretrained batch norm stays still, random batch norm must adapt.
export function beginAt(choice, start, network) {
  choice.start = start;
  choice.adapting = start === "pretrained" ? [] :
    network.stages.map((stage) => stage.name).filter((name) => !choice.frozen.includes(name));
}

// Name of the strategy that a choice is; null where it is a mixture. choice.py says the same.
export function strategyName(network, choice) {
  const facts = stageFacts(network, choice);
  const trained = choice.kept - facts.lowest;
  if (facts.frozen.slice(facts.lowest).includes(true)) return null;
  const withNorm = facts.kept.map((stage) => stage.batch_norm && choice.adapting.includes(stage.name));
  if (withNorm.slice(0, facts.lowest).includes(true)) return null;
  const alive = facts.kept.map((_, i) => withNorm[i]).filter(
    (_, i) => i >= facts.lowest && facts.kept[i].batch_norm);
  const entry = network.strategies.find((one) =>
    one.kept === choice.kept && one.hidden === choice.hidden && one.trained === trained &&
    (!trained || network.weights === null || one.start === choice.start) &&
    alive.every((state) => state === one.adapting));
  return entry?.name ?? null;
}

function findMeasured(measured, strategy, choice) {
  return (
    measured.find(
      (row) =>
        row.strategy === strategy &&
        row.dataset === choice.dataset &&
        row.train_per_class === choice.per_class,
    ) ?? null
  );
}

// Stages that a measured strategy trains from pretrained weights; null where it is of another kind.
function trainedStages(strategy, count) {
  if (strategy === "linear_probe") return 0;
  if (strategy === "finetune_all") return count;
  const last = /^last_(\d+)$/.exec(strategy);
  return last ? Number(last[1]) : null;
}

// Where the choice itself was not measured: the row that is nearest to it on the same data set, as
// far as stages trained and pictures per class go.
export function nearestMeasured(network, choice, measured) {
  const facts = stageFacts(network, choice);
  const count = network.stages.length;
  const strategy = strategyName(network, choice);
  let best = null;
  for (const row of measured) {
    const trained = trainedStages(row.strategy, count);
    const alike = row.strategy === strategy;
    if (row.dataset !== choice.dataset || !(row.train_per_class > 0)) continue;
    if (!alike && (trained === null || choice.start === "random")) continue;
    const stages = alike ? 0 : 0.5 + Math.abs(trained - (facts.kept.length - facts.lowest)) / count;
    const distance = stages + Math.abs(Math.log10(row.train_per_class / choice.per_class));
    if (!best || distance < best.distance) best = { row, distance };
  }
  return best?.row ?? null;
}

// All figures of a choice. `cache.through` is the last stage of the longest frozen prefix; `seconds`
// is null without a measured speed, `filling` happens once.
export function summarise(network, choice, measured = []) {
  const facts = stageFacts(network, choice);
  const strategy = strategyName(network, choice);
  return {
    parameters: countParameters(network, choice, facts),
    work: shareWork(network, choice, facts),
    memory: keepMemory(network, choice, facts),
    cache: sizeCache(network, choice, facts),
    seconds: estimateSeconds(network, choice, facts),
    strategy,
    measured: findMeasured(measured, strategy, choice),
    warnings: findWarnings(network, choice),
  };
}
