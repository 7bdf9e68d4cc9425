/** Folders that will be written to are checked at the start, with an error of one line. */
import { resolve } from "node:path";
import { Failure } from "./errors.ts";

/**
 * Makes the folder if it does not exist, and checks that it can be written to.
 *
 * @param name the setting that names it, or what it is for
 * @throws {Failure} it cannot be written to; the message names it and the way out
 */
export async function writableFolder(path: string, name = "DATA_DIR"): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
    await Deno.remove(await Deno.makeTempFile({ dir: path, prefix: ".writable-" }));
  } catch (error) {
    const reason = (error as Error).message.replace(/:.*/s, "");
    throw new Failure(
      `the folder ${resolve(path)} (${name}) cannot be written to: ${reason}; ` +
        "make it this user's, or use a checkout of your own",
      { cause: error },
    );
  }
}
