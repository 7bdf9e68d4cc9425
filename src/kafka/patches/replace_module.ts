/** kafkajs's own modules, to change them before it uses them. */
import { createRequire } from "node:module";

export const require = createRequire(import.meta.url);

/** Replaces what a module of kafkajs exports, for those that load it from now on. */
export function replaceModule(name: string, exports: unknown): void {
  const path = require.resolve(name);
  require(path);
  const module = require.cache[path];
  if (!module) throw new Error(`kafkajs has no module ${name} any more`);
  module.exports = exports;
}
