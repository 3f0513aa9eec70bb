// Pictures and sessions that come and go as files.

import { h } from "../dom.js";

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60e3);
}

async function fromBase64(text, type) {
  return (await fetch(`data:${type};base64,${text}`)).blob();
}

export async function useExamples(host, which) {
  if (host.album.pictures.some((picture) => picture.own)) {
    host.sure("Replace your pictures by the drawn ones", 1, () => {
      host.reset();
      useExamples(host, which);
    });
    return;
  }
  let set;
  try {
    set = (await host.engine.examples())[which];
  } catch (error) {
    host.complain(`The drawn pictures could not be had: ${error.message}.`);
    return;
  }
  host.reset();
  host.album.clear();
  const tries = await Promise.all(set.ask.map(async ({ name, picture }) => (
    { name, blob: await fromBase64(picture, "image/jpeg"), url: `data:image/jpeg;base64,${picture}` })));
  for (const [name, pictures] of Object.entries(set.classes)) {
    const one = host.album.addClass(name);
    const blobs = await Promise.all(pictures.map((text) => fromBase64(text, "image/jpeg")));
    host.addFiles(one, blobs, { own: false, named: false });
  }
  host.ask.tries(tries);
  await host.train();
  await host.askPicture(tries[0].blob);
  host.learn.note = set.about;
  host.changed();
  // On a phone the answer would stand two screens below, and nobody would know.
  const { element } = host.ask;
  if (element.getBoundingClientRect().top > innerHeight) element.scrollIntoView({ behavior: "smooth" });
}

export function saveSession(host) {
  return host.queue(async () => {
    if (host.weights !== "pretrained") {
      throw new Error("A session is saved with the pretrained network's numbers: choose those weights first.");
    }
    await host.missing();
    const { backbone, preprocess } = host.engine.about;
    save(await host.album.session({ backbone, size: preprocess.size }), "teach-session.zip");
  });
}

export function exportFolders(host) {
  return host.queue(async () => {
    save(await host.album.folders(), "my-pictures.zip");
    host.learn.note = "Unpack the zip, then: tlcourse train my-pictures";
  });
}

export function restore(host, file) {
  return host.queue(async () => {
    const { backbone, preprocess } = host.engine.about;
    try {
      await host.album.restore(file, { backbone, size: preprocess.size });
    } catch (error) {
      throw new Error(`${file.name} ${error.message}.`);
    }
    host.album.pictures.forEach((picture) => { picture.own = true; });
    host.head = null;
    host.learn.forget("The session is open: train.");
    host.changed();
    await host.missing();
  });
}
