// The page of an exported model: the network runs in the browser.

import { LocalEngine } from "./engine.js";
import { Exported } from "./exported.js";

window.exported = new Exported(document.getElementById("model"), new LocalEngine("", []));
