/** How far it is, on stderr: one line that is rewritten in a terminal, else a line now and then. */

const TERMINAL_EVERY_MS = 200;
const LINE_EVERY_MS = 10_000;
const CLEAR_LINE = "\r\x1b[2K";

export interface StatusLine {
  show(text: string): void;
  /** Before something else is printed. */
  clear(): void;
}

export function statusLine(): StatusLine {
  const encoder = new TextEncoder();
  const stderr = (text: string) => void Deno.stderr.writeSync(encoder.encode(text));
  const isTerminal = Deno.stderr.isTerminal();
  const everyMs = isTerminal ? TERMINAL_EVERY_MS : LINE_EVERY_MS;
  let shownAt = performance.now();
  return {
    show(text) {
      const now = performance.now();
      if (now - shownAt < everyMs) return;
      shownAt = now;
      stderr(isTerminal ? `${CLEAR_LINE}${text}` : `${text}\n`);
    },
    clear() {
      if (isTerminal) stderr(CLEAR_LINE);
    },
  };
}
