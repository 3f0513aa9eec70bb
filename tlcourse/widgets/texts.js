// What the freeze explorer says: numbers with units, warnings, a summary for screen readers, and the
// lines of code that do the same as the widget.
import { headSizes, stageFacts, strategyName } from "./costs.js";

const trim = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

export function formatCount(n) {
  if (n >= 999500) return `${trim(n / 1e6)} M`;
  return n >= 9995 ? `${trim(n / 1e3)} k` : n.toLocaleString("en");
}

export function formatBytes(n) {
  for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (n >= size * 0.9995) return `${trim(n / size)} ${unit}`;
  }
  return `${Math.round(n)} B`;
}

export function formatSeconds(s) {
  if (s < 0.0995) return s < 0.00095 ? "under 1 ms" : `${(s * 1000).toFixed(0)} ms`;
  if (s < 99.5) return `${s.toPrecision(2)} s`;
  return `${(s / 60).toPrecision(2)} min`;
}

export function formatShare(share) {
  const percent = 100 * share;
  if (percent > 0 && percent < 0.1) return "under 0.1 %";
  return `${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

export function listNames(names) {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}

export function warningText([kind, ...stages]) {
  const names = listNames(stages);
  const are = stages.length > 1 ? "are" : "is";
  return {
    adapting:
      `Batch norm is alive in frozen ${names}: no parameter changes, but the running mean and ` +
      "variance do. What these stages give out drifts while you train, and cannot be cached.",
    below:
      `${names} ${are} trained below a frozen stage: the gradient still has to pass through ` +
      "what is frozen, so it saves little, and the frozen stages get inputs they were not made for. " +
      "Usually one freezes from the stem upwards.",
    random_below:
      `${names} ${are} random below a frozen stage, which expects the features it was trained ` +
      "with and gets noise. Start them from pretrained weights, or let the later stages learn too.",
  }[kind];
}

export function whyNotMeasured(strategy, choice, measured) {
  if (!measured.length) return "No measured results come with this network.";
  if (!strategy) return "This mixture is none of the strategies of the course.";
  return `${strategy} was not measured on ${choice.dataset} with ${choice.per_class} pictures per class.`;
}

// What matters most, in the few words that a telephone has room for.
export function shortSummary({ parameters, work, seconds }) {
  const time = seconds ? ` · ${formatSeconds(seconds.cached)} an epoch` : "";
  return `${formatCount(parameters.trained)} trained · ${formatShare(work.total)} of the work${time}`;
}

export function summaryText(summary) {
  const { parameters, work, cache, warnings } = summary;
  const cached = cache.through ? `Can be cached through ${cache.through}.` : "Nothing can be cached.";
  const count = warnings.length;
  const warned = count ? ` ${count} warning${count > 1 ? "s" : ""}.` : "";
  return (
    `${formatCount(parameters.trained)} parameters trained, ${formatCount(parameters.frozen)} frozen. ` +
    `${formatShare(work.total)} of the work left. ${cached}${warned}`
  );
}

const quote = (names) => `[${names.map((name) => `"${name}"`).join(", ")}]`;

// A list of names as Python, over several lines where it is long.
function pythonList(start, names, end = "") {
  const line = `${start}${quote(names)}${end}`;
  if (line.length <= 76) return [line];
  const lines = [`${start}[`];
  for (let i = 0; i < names.length; i += 5) {
    lines.push(`    ${names.slice(i, i + 5).map((name) => `"${name}"`).join(", ")},`);
  }
  return [...lines, `]${end}`];
}

export function groups(network, choice) {
  const { kept } = stageFacts(network, choice);
  const names = (keep) => kept.filter(keep).map((stage) => stage.name);
  const frozen = (stage) => choice.frozen.includes(stage.name);
  const adapting = (stage) => choice.adapting.includes(stage.name);
  return {
    frozen: names(frozen),
    thawed: names((stage) => !frozen(stage)),
    frozenAlive: names((stage) => frozen(stage) && stage.batch_norm && adapting(stage)),
    frozenStill: names((stage) => frozen(stage) && !(stage.batch_norm && adapting(stage))),
    thawedStill: names((stage) => !frozen(stage) && stage.batch_norm && !adapting(stage)),
  };
}

export function plainCode(network, choice) {
  const facts = stageFacts(network, choice);
  const { frozen, thawed, frozenAlive, thawedStill } = groups(network, choice);
  const lines = ["import torch", "from torch import nn", ""];
  if (choice.kept < network.stages.length) {
    const last = facts.kept[facts.kept.length - 1].name;
    lines.push(`model.stages = model.stages[:${choice.kept}]  # keep the stages up to ${last}`);
  }
  lines.push("model.head = nn.Sequential(  # your own classes on top", "    nn.AdaptiveAvgPool2d(1),");
  lines.push("    nn.Flatten(),");
  headSizes(network, choice, facts).forEach(([inputs, outputs], i, all) => {
    const last = i === all.length - 1;
    lines.push(`    nn.Linear(${inputs}, ${outputs}),`);
    if (!last) lines.push("    nn.ReLU(),");
  });
  lines.push(")");
  if (choice.start === "random" && thawed.length) {
    lines.push(...pythonList("fresh = ", thawed));
    lines.push("for name in fresh:  # forget what was pretrained");
    lines.push("    for layer in model.stages.get_submodule(name).modules():");
    lines.push('        if hasattr(layer, "reset_parameters"):', "            layer.reset_parameters()");
  }
  lines.push(...pythonList("frozen = ", frozen));
  lines.push("for name, stage in model.stages.named_children():");
  lines.push("    stage.requires_grad_(name not in frozen)  # frozen: no gradient", "", "");
  lines.push("def train_mode():  # in place of model.train(), before each epoch", "    model.train()");
  if (frozen.length) {
    lines.push("    for name in frozen:");
    lines.push("        model.stages.get_submodule(name).eval()  # batch norm stands still");
  }
  for (const [names, mode, why] of [
    [frozenAlive, "train", "batch norm stays alive"],
    [thawedStill, "eval", "batch norm stands still"],
  ]) {
    if (!names.length) continue;
    lines.push(...pythonList("    for name in ", names, `:  # ${why}`).map((l, i) => (i ? `    ${l}` : l)));
    lines.push("        for layer in model.stages.get_submodule(name).modules():");
    lines.push("            if isinstance(layer, nn.BatchNorm2d):", `                layer.${mode}()`);
  }
  lines.push("", "", "optimizer = torch.optim.AdamW(");
  lines.push("    [p for p in model.parameters() if p.requires_grad], lr=1e-3", ")");
  return `${lines.join("\n")}\n`;
}

export function courseCode(network, choice) {
  const strategy = strategyName(network, choice);
  if (strategy) {
    return [
      "import tlcourse as tl", "",
      `model = tl.apply("${strategy}", backbone, data.classes)`,
      "history = tl.train(model, data)", "",
    ].join("\n");
  }
  const { frozenAlive, frozenStill, thawed, thawedStill } = groups(network, choice);
  const facts = stageFacts(network, choice);
  const options = [];
  if (choice.kept < network.stages.length) {
    options.push(`cut="${facts.kept[facts.kept.length - 1].name}"`);
  }
  if (choice.hidden) options.push(`hidden=[${choice.hidden}]`);
  const lines = ["import tlcourse as tl", ""];
  lines.push(`model = tl.replace_head(${["backbone", "data.classes", ...options].join(", ")})`);
  if (choice.start === "random" && thawed.length) {
    lines.push(...pythonList("for name in ", thawed, ":  # forget what was pretrained"));
    lines.push("    for layer in model.stages.get_submodule(name).modules():");
    lines.push('        if hasattr(layer, "reset_parameters"):', "            layer.reset_parameters()");
  }
  const prefix = facts.kept.slice(0, facts.prefix).map((stage) => stage.name);
  if (frozenStill.length && frozenStill.length === prefix.length) {
    lines.push(`tl.freeze(model, through="${prefix[prefix.length - 1]}")`);
  } else if (frozenStill.length) {
    lines.push(...pythonList("tl.freeze(model, stages=", frozenStill, ")"));
  }
  if (frozenAlive.length) {
    lines.push(...pythonList("tl.freeze(model, stages=", frozenAlive, ', batch_norm="adapt")'));
  }
  if (thawedStill.length) {
    lines.push(...pythonList("tl.unfreeze(model, stages=", thawedStill, ', batch_norm="frozen")'));
  }
  lines.push(`history = tl.fit(model, data, epochs=20, cache=${prefix.length ? "True" : "False"})`);
  return `${lines.join("\n")}\n`;
}
