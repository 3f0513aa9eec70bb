// Training from the page: buttons, live curves, and what is said when no kernel answers.
import { cellRuns, h, setText, silence, Kernel } from "./dom.js";
import { accuracyChart, runTable } from "./chart.js";

export class Training {
  constructor(view) {
    this.view = view;
    this.kernel = new Kernel(view.model, (alive) => {
      if (alive) this.lost = false;
      this.show();
    });
  }

  close() {
    clearInterval(this.watch);
    this.kernel.close();
  }

  build() {
    this.trainButton = h("button",
      { type: "button", class: "tlx-go", onclick: () => this.train() }, "Train");
    this.stopButton = h("button",
      { type: "button", onclick: () => this.kernel.send({ do: "stop" }) }, "Stop");
    this.clearButton = h("button",
      { type: "button", onclick: () => this.kernel.send({ do: "clear" }) }, "Clear");
    this.status = h("p", { class: "tlx-status", role: "status" });
    this.chart = h("div");
    return h("div", { class: "tlx-train" },
      h("h4", {}, "Try it"),
      h("div", { class: "tlx-presets" }, this.trainButton, this.stopButton, this.clearButton),
      this.status, this.chart);
  }

  train() {
    this.lost = false;
    this.asked = true;
    this.kernel.send({ do: "train" });
    this.show();
    this.kernel.ask(4, () => this.loseKernel());
  }

  loseKernel() {
    this.lost = true;
    this.asked = false;
    this.show();
  }

  show() {
    if (!this.status) return;
    const state = this.view.model.get("run_state");
    const running = state !== "idle";
    const runs = this.view.model.get("runs");
    const alive = this.kernel.alive;
    if (running) this.asked = false;
    this.trainButton.disabled = !alive || running || this.asked || !this.view.model.get("can_train");
    this.stopButton.disabled = !alive || !running || state === "stopping";
    this.clearButton.disabled = !alive || running || !runs.length;
    setText(this.status, this.sayStatus(state, alive, runs));
    this.chart.replaceChildren(...(runs.length ? [accuracyChart(runs), runTable(runs)] : []));
    this.watchKernel(running && alive);
  }

  sayStatus(state, alive, runs) {
    if (this.lost) {
      return silence(this.view.model) || "The kernel does not answer: it is busy with a cell, or " +
        "has stopped. If it has, run the notebook again; all else works here.";
    }
    if (!alive) {
      return silence(this.view.model) || "Training needs a running kernel: open this notebook in " +
        "JupyterLab and run it. All else works here.";
    }
    if (!this.view.model.get("can_train")) {
      return "To train from here, choose the data set pets or digits, or give your own pictures: " +
        "FreezeExplorer(model, data=...).";
    }
    if (this.asked) {
      return cellRuns(this.view.model)
        ? "It begins when the cell that runs has ended." : "Asking the kernel …";
    }
    const last = runs[runs.length - 1];
    return {
      idle: runs.length
        ? "Change something and train again to compare."
        : "Trains a fresh copy for a few seconds; your model keeps its weights.",
      preparing: "Reading pictures, computing what is frozen …",
      training: `Training: epoch ${last?.rows.length ?? 0}.`,
      stopping: "Stopping after this epoch …",
    }[state];
  }

  // While it trains, a kernel that has died is noticed.
  watchKernel(on) {
    if (on === Boolean(this.watch)) return;
    clearInterval(this.watch);
    this.watch = on
      ? setInterval(() => {
          if (!cellRuns(this.view.model)) this.kernel.ask(5, () => this.loseKernel());
        }, 5000)
      : undefined;
  }
}
