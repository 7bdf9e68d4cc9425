/**
 * Stand-in for jsr:@std/dotenv where the JSR registry cannot be reached: the functions that this
 * project uses, with the names, signatures and meaning of the real package, over `node:util`'s
 * `parseEnv`. Delete the `links` line of deno.json to use the real one; nothing else changes.
 */
import { parseEnv } from "node:util";

/** Parses the text of a `.env` file into a record. */
export function parse(text: string): Record<string, string> {
  return parseEnv(text) as Record<string, string>;
}
