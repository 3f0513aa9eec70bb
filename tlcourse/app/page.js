// Shows the course's widget whose Python side is at the other end of a web socket.
import shown from "./widget.js";

const view = document.getElementById("view");
const lost = document.getElementById("lost");

// A reload finds the same Python side again, with its runs; another tab gets one of its own.
const visitor = sessionStorage.getItem("visitor") ?? crypto.randomUUID();
sessionStorage.setItem("visitor", visitor);

const base64 = (buffer) =>
  new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.readAsDataURL(new Blob([buffer]));
  });

class Model {
  constructor(state) {
    this.state = state;
    this.changed = {};
    this.handlers = new Map();
  }
  get(name) {
    return this.state[name];
  }
  set(name, value) {
    if (JSON.stringify(value) === JSON.stringify(this.state[name])) return;
    this.changed[name] = value;
    this.take(name, value);
  }
  take(name, value) {
    this.state[name] = value;
    this.tell(`change:${name}`);
  }
  tell(event, value) {
    for (const handler of [...(this.handlers.get(event) ?? [])]) handler(value);
  }
  on(event, handler) {
    this.handlers.set(event, [...(this.handlers.get(event) ?? []), handler]);
  }
  off(event, handler) {
    this.handlers.set(event, (this.handlers.get(event) ?? []).filter((other) => other !== handler));
  }
  save_changes() {
    write({ method: "update", state: this.changed });
    this.changed = {};
  }
  async send(content, callbacks, buffers = []) {
    write({ method: "custom", content, buffers: await Promise.all(buffers.map(base64)) });
  }
}

let socket;
let model;
const write = (message) => {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
};

function connect() {
  socket = new WebSocket(`ws://${location.host}/socket?visitor=${visitor}`);
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.method === "custom") {
      model?.tell("msg:custom", message.content);
    } else if (message.method === "open" && !model) {
      model = new Model(message.state);
      view.replaceChildren();
      shown.render({ model, el: view });
    } else if (message.method === "open" || message.method === "update") {
      for (const [name, value] of Object.entries(message.state)) model.take(name, value);
    }
    lost.hidden = true;
  };
  socket.onclose = ({ reason }) => {
    lost.textContent = reason || "The connection is lost; looking for it again …";
    lost.hidden = false;
    setTimeout(connect, 2000);
  };
}

connect();
