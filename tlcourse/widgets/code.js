// The lines of code that do the same as the explorer, to copy.
import { h, setText } from "./dom.js";
import { courseCode, plainCode } from "./texts.js";

export class Code {
  constructor(view) {
    this.view = view;
    this.kind = "plain";
  }

  build() {
    this.lines = h("pre", { tabindex: "0", "aria-label": "Python code" });
    const said = h("span", { class: "tlx-said", role: "status" });
    const tabs = [["plain", "plain PyTorch"], ["course", "with tlcourse"]].map(([kind, text]) =>
      h("button", {
        type: "button",
        "aria-pressed": String(kind === this.kind),
        onclick: (event) => {
          this.kind = kind;
          for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab === event.currentTarget));
          this.update();
        },
      }, text));
    const copy = async () => {
      const text = this.lines.textContent;
      try {
        await navigator.clipboard.writeText(text);
        setText(said, "Copied.");
      } catch {
        // No permission, or a page that is not served securely: select it, the keys do the rest.
        getSelection().selectAllChildren(this.lines);
        setText(said, "Selected: copy it with Ctrl+C or ⌘C.");
      }
    };
    return h("details", { class: "tlx-code", open: true },
      h("summary", {}, "The same in code"),
      h("div", { class: "tlx-presets", role: "group", "aria-label": "Code" },
        ...tabs, h("button", { type: "button", class: "tlx-copy", onclick: copy }, "Copy"), said),
      this.lines);
  }

  update() {
    const write = this.kind === "plain" ? plainCode : courseCode;
    setText(this.lines, write(this.view.network, this.view.choice));
  }
}
