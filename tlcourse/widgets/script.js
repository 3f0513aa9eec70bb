// The teacher's three minutes: what to say, and what one click on Next does.
import { h, setText } from "./dom.js";

const STEPS = [
  {
    say: "Three kinds of animal, ten pictures of each. Could a computer learn to tell them apart from " +
      "so few? Guess: how many of 100 new pictures will it get right?",
    clear: true, // with the results of the class before there is nothing to guess
  },
  {
    say: "First from nothing: all its numbers are random, as in a newborn network. Watch the curve.",
    plan: "scratch",
  },
  {
    say: "Now a network that has learnt from a million photographs. What it knows stays frozen; only a " +
      "new last layer, the head, learns from our pictures.",
    plan: "linear_probe",
  },
  {
    say: "Compare the two curves, and the seconds. Same pictures, same network: what made the " +
      "difference is what it knew before. That is transfer learning.",
  },
  {
    say: "Does it help to let the last two stages learn too? Guess first: with thirty pictures it may " +
      "also forget something.",
    plan: "last_2",
  },
  {
    say: "Look at the red frames: where is it wrong, and why? Then take a photograph of your own and " +
      "ask all runs what they see.",
  },
];

export class Script {
  // `act` chooses a plan and trains it, `clear` takes the runs away.
  constructor(act, clear) {
    Object.assign(this, { act, clear });
    this.step = -1;
  }

  build() {
    this.count = h("span", { class: "count" });
    this.text = h("p", { "aria-live": "polite" });
    this.next = h("button", { type: "button", class: "next", onclick: () => this.go(this.step + 1) });
    this.back = h("button", { type: "button", onclick: () => this.go(-1) }, "Start again");
    const bar = h("footer", { class: "tlc-script", "aria-label": "What to say, step by step" },
      this.count, this.text, this.back, this.next);
    this.show();
    return bar;
  }

  go(step) {
    this.step = step >= STEPS.length ? -1 : step;
    this.show();
    const { plan, clear } = STEPS[this.step] ?? {};
    if (clear) this.clear();
    if (plan) this.act(plan);
  }

  // The next step that trains has to wait for the run.
  wait(running) {
    this.next.disabled = running && Boolean(STEPS[this.step + 1]?.plan);
  }

  show() {
    const begun = this.step >= 0;
    setText(this.count, begun ? `${this.step + 1} of ${STEPS.length}` : "Script");
    setText(this.text, begun ? STEPS[this.step].say
      : "Three minutes in front of a class: what to say, one click a step.");
    setText(this.next, !begun ? "Begin ▸" : this.step + 1 < STEPS.length ? "Next ▸" : "End");
    this.back.hidden = !begun;
  }
}
