/** Modules inside kafkajs, to change them before they are used. */
import { createRequire } from "node:module";

export const require = createRequire(import.meta.url);

/** Replaces the exports of a module of kafkajs, for the modules that load it afterwards. */
export function replaceModule(name: string, exports: unknown): void {
  const path = require.resolve(name);
  require(path);
  const module = require.cache[path];
  if (!module) throw new Error(`kafkajs has no module ${name} any more`);
  module.exports = exports;
}
