/** Which order a message that may be broken is about. */

const ID = /^[A-Za-z0-9_.-]{1,64}$/;
/** Enough for an id anywhere in a message of the largest size that is read; beyond it, only the key. */
const MAX_PARSED_BYTES = 64 * 1024;

const utf8 = new TextDecoder();

/** The ids that its key and its `orderId` name, where they can be read: none, one or two. */
export function namesIn(key: Uint8Array | null, value: Uint8Array | null): Set<string> {
  const names = new Set<string>();
  const add = (text: unknown) => {
    if (typeof text === "string" && ID.test(text)) names.add(text);
  };
  if (key !== null && key.length <= 64) add(utf8.decode(key));
  if (value !== null && value.length <= MAX_PARSED_BYTES) {
    try {
      add(JSON.parse(utf8.decode(value))?.orderId);
    } catch {
      // Not JSON: then only the key can tell.
    }
  }
  return names;
}
