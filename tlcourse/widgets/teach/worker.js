// The worker's side of engine.js: one request at a time, answers under the request's number.

import { Network } from "./network.js";

const network = new Network();
let before = Promise.resolve();
self.onmessage = ({ data: { id, call, values } }) => {
  before = before.then(async () => {
    try {
      const result = await network[call](...values);
      self.postMessage({ id, result }, result?.features ? [result.features.buffer] : []);
    } catch (error) {
      self.postMessage({ id, error: error.message || String(error) });
    }
  });
};
