/** Text and bytes from outside, made safe for a terminal: control characters are shown, never obeyed. */

/**
 * C0 and C1 controls, DEL, line separators, and what reverses or hides text (bidirectional marks,
 * zero-width characters, lone surrogates).
 */
const UNSAFE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** One line of text, escaped, of at most `maxLength` characters. */
export function printable(text: string, maxLength = 500): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return cut.replace(UNSAFE, (character) => {
    switch (character) {
      case "\n":
        return "\\n";
      case "\r":
        return "\\r";
      case "\t":
        return "\\t";
    }
    return `\\u{${character.charCodeAt(0).toString(16)}}`;
  });
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** The most that is shown of a value: bytes of a dump, characters of a text. */
const MAX_SHOWN = 4096;

/**
 * A message's bytes as lines for a terminal: JSON indented, other text as it is, anything else as a
 * hex dump; the first 4 KiB of it.
 */
export function printableBytes(value: Uint8Array | null): string[] {
  if (value === null) return ["(no value)"];
  if (value.length === 0) return ["(empty)"];
  const text = decodeUtf8(value);
  const body = text === undefined ? hexDump(value.subarray(0, MAX_SHOWN)) : indented(text) ?? text;
  const all = text === undefined ? value.length <= MAX_SHOWN : body.length <= MAX_SHOWN;
  const shown = text === undefined ? body : body.slice(0, MAX_SHOWN);
  const lines = shown.split("\n").map((line) => printable(line, MAX_SHOWN));
  return all ? lines : [...lines, `… (${value.length} bytes in all)`];
}

function decodeUtf8(value: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(value);
  } catch {
    return undefined;
  }
}

/** The JSON text with line breaks; undefined where that would change anything else, such as 1e999. */
function indented(text: string): string | undefined {
  try {
    const value = JSON.parse(text);
    return JSON.stringify(value) === text ? JSON.stringify(value, null, 2) : undefined;
  } catch {
    return undefined;
  }
}

const BYTES_PER_LINE = 16;

function hexDump(value: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < value.length; at += BYTES_PER_LINE) {
    const row = [...value.subarray(at, at + BYTES_PER_LINE)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".");
    const offset = at.toString(16).padStart(8, "0");
    lines.push(`${offset}  ${hex.padEnd(3 * BYTES_PER_LINE)} ${text.join("")}`);
  }
  return lines.join("\n");
}
