// Starts the page on the book's site: everything it needs lies in the folder of this script.

import { LocalEngine } from "./engine.js";
import { Teach } from "./teach.js";

const base = document.currentScript.src.replace(/[^/]*$/, "");
const place = document.getElementById("teach");
const about = JSON.parse(place.dataset.parts);
window.teach = new Teach(place, new LocalEngine(base, about.parts), { megabytes: about.megabytes });
