// Small things on every page: figures open large at a tap, and search works from a folder.

// Opened from the file system a page may not read its neighbours: search then lists pages without
// excerpts, in place of filling the console with errors.
if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

function enlarge(image) {
  const dialog = document.createElement("dialog");
  dialog.className = "course-large";
  const large = image.cloneNode();
  large.removeAttribute("width");
  large.removeAttribute("height");
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  const box = document.createElement("div");
  box.tabIndex = 0;
  box.append(large);
  dialog.append(close, box);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function prepare(image) {
  // Wide figures keep a size at which their words can be read on a phone; their box scrolls.
  const wide = image.naturalWidth > 1.5 * image.naturalHeight && image.naturalWidth > 500;
  if (wide && !image.closest(".course-figure")) {
    image.classList.add("course-wide");
  }
  image.tabIndex = 0;
  image.setAttribute("role", "button");
  image.setAttribute("aria-label", `${image.alt} (opens large)`);
  image.addEventListener("click", () => enlarge(image));
  image.addEventListener("keydown", (event) => {
    if (event.key === "Enter") enlarge(image);
  });
}

for (const image of document.querySelectorAll("div.cell_output img, .course-figure img")) {
  if (image.closest(".course-widget")) continue;
  if (image.complete) prepare(image);
  else image.addEventListener("load", () => prepare(image), { once: true });
}
