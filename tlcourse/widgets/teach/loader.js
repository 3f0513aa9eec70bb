// What a notebook stores of the widget: little. The page itself comes from the kernel when shown;
// without a kernel, on the course's site, the same page stands by itself.

function render({ model, el }) {
  const note = document.createElement("p");
  el.append(note);
  const root = document.documentElement.dataset.content_root;
  if (root !== undefined) {
    const link = document.createElement("a");
    link.href = `${root}teach/index.html`;
    link.textContent = "Teach it here: open the page that needs no kernel";
    note.append(link);
    return undefined;
  }
  note.textContent = model.widget_manager?.kernel?.status === "busy"
    ? "Teach it here comes when the cell that runs has ended. Where it does not, run this cell."
    : "Teach it here needs a running kernel: run this cell.";
  let close = () => {};
  const listen = async (message) => {
    if (message.say !== "script" || !note.isConnected) return;
    const url = URL.createObjectURL(new Blob([message.script], { type: "text/javascript" }));
    const style = document.createElement("style");
    style.textContent = message.style;
    note.replaceWith(style);
    close = (await import(url)).default(model, el);
    URL.revokeObjectURL(url);
  };
  model.on("msg:custom", listen);
  const ask = () => note.isConnected && model.send({ do: "script" });
  ask();
  setTimeout(ask, 3000); // a newer kernel answers while a cell runs, but not the first question
  return () => {
    model.off("msg:custom", listen);
    close();
  };
}

export default { render };
