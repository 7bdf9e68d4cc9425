/** Folders that are written to: found out at the start, in one line, instead of in the middle. */
import { resolve } from "node:path";
import { Failure } from "./errors.ts";

/**
 * Makes the folder where it is not there yet, and tries whether it can be written to.
 *
 * @param name the setting that names it, or what it is for
 * @throws {Failure} it cannot; the message names it and the way out
 */
export async function writableFolder(path: string, name = "DATA_DIR"): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
    await Deno.remove(await Deno.makeTempFile({ dir: path, prefix: ".writable-" }));
  } catch (error) {
    const reason = (error as Error).message.replace(/:.*/s, "");
    throw new Failure(
      `the folder ${
        resolve(path)
      } (${name}) cannot be written to: ${reason}; make it this user's, ` +
        "or use a checkout of your own",
      { cause: error },
    );
  }
}
