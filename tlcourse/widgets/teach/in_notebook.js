// The page in JupyterLab and Voila, with the kernel as its engine.

import { KernelEngine } from "./engine.js";
import { Teach } from "./teach.js";

export default function show(model, el) {
  const teach = new Teach(el, new KernelEngine(model));
  return () => teach.close();
}
