/** The id that all nodes of a cluster have in their data, from when it is formatted. */
import { join } from "node:path";

/** @param logDirectory a node's; @returns undefined where nothing is formatted */
export async function readClusterId(logDirectory: string): Promise<string | undefined> {
  try {
    const text = await Deno.readTextFile(join(logDirectory, "meta.properties"));
    return /^cluster\.id=(.+)$/m.exec(text)?.[1];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** 16 random bytes in base64url without padding: how Kafka writes its ids. */
export function randomClusterId(): string {
  return crypto.getRandomValues(new Uint8Array(16))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}
