"""A page that shows a widget's JavaScript with nothing behind it: what a reader without a kernel
has. Python's side of the widget is its state, written into the page."""

import json

_HOST = """
class State {
  constructor(values, answers) {
    this.values = values; this.answers = answers; this.handlers = {}; this.sent = [];
  }
  get(name) { return this.values[name]; }
  set(name, value) {
    if (JSON.stringify(value) === JSON.stringify(this.values[name])) return;
    this.values[name] = value;
    this.fire(`change:${name}`);
  }
  on(name, handler) { (this.handlers[name] ??= []).push(handler); }
  off(name, handler) {
    this.handlers[name] = (this.handlers[name] ?? []).filter((other) => other !== handler);
  }
  fire(name, value) { for (const handler of [...(this.handlers[name] ?? [])]) handler(value); }
  save_changes() { if (!this.answers) throw new Error("no kernel"); }
  send(content) {
    if (!this.answers) throw new Error("no kernel");
    this.sent.push(content);
    if (content.do === "ping" && this.answers !== "no more") {
      this.fire("msg:custom", { say: "here" });
    }
  }
}
"""


def show(page, widget, *, kernel=False, views=1, theme=None):
    """Show `widget` in `page`; `window.state` is its state there.

    `kernel`: whether something answers when the page asks. `views`: how often it is shown.
    """
    names = [name for name in widget.keys if not name.startswith(("_", "layout"))]
    state = json.dumps({name: getattr(widget, name) for name in names}).replace("</", "<\\/")
    script = str(widget._esm).replace("export default", "const shown =")
    attribute = f' data-theme="{theme}"' if theme else ""
    places = "".join(f'<div id="view{i}"></div>' for i in range(views))
    page.set_content(
        f'<!DOCTYPE html><html lang="en"{attribute}><head><title>Widget</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>body {{ margin: 6px }} {widget._css}</style></head><body>{places}"
        f'<script type="module">{_HOST}\n{script}\n'
        f"window.state = new State({state}, {json.dumps(kernel)});"
        "window.closers = [...document.querySelectorAll('[id^=view]')]"
        ".map((el) => shown.render({ model: window.state, el }));"
        "document.body.dataset.ready = 'yes';</script></body></html>"
    )
    page.wait_for_selector("body[data-ready]")
