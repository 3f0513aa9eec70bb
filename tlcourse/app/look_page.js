// Decisions about pictures, for `tlcourse train --labels`: chosen beside thumbnails, saved as a table.

const { classes, name } = JSON.parse(document.getElementById("about").textContent);
const decisions = new Map();
const bar = document.getElementById("decisions");
const [told, save] = bar.children;
let saved = true;

function choose(file, label) {
  if (label === undefined) decisions.delete(file);
  else decisions.set(file, label);
  saved = decisions.size === 0;
  // A picture may stand in several sections.
  for (const place of places) {
    if (place.dataset.file === file) place.firstChild.value = label === undefined ? "?" : `=${label}`;
  }
  bar.hidden = decisions.size === 0;
  told.textContent = `${decisions.size} decided`;
}

const places = [...document.querySelectorAll(".decide")];
for (const place of places) {
  const { file, given, likely } = place.dataset;
  const select = document.createElement("select");
  select.setAttribute("aria-label", `Decision about ${file}`);
  const first = [likely, given].filter((one) => one !== undefined);
  const texts = [["?", "undecided"], ...[...new Set([...first, ...classes])].map((one) => [
    `=${one}`, one === given ? `keep: ${one}` : `change to: ${one}`,
  ]), ["=", "set aside"]];
  select.append(...texts.map(([value, text]) => new Option(text, value)));
  select.addEventListener("change", () => {
    choose(file, select.value === "?" ? undefined : select.value.slice(1));
  });
  place.append(select);
}

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

save.addEventListener("click", () => {
  const rows = [["file", "label"], ...decisions];
  const text = rows.map((row) => `${row.map(quoted).join(",")}\n`).join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `${name}-decisions.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
  saved = true;
});

window.addEventListener("beforeunload", (event) => {
  if (!saved) event.preventDefault();
});
