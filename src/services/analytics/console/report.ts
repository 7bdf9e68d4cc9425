/** Shows the figures on stdout: a block that is redrawn in a terminal, else a line now and then. */
import { block, line } from "./display.ts";
import type { Figures } from "../snapshot.ts";

const DRAW_EVERY_MS = 1_000;
const LINE_EVERY_MS = 5_000;

/**
 * @returns ends it, and shows the final figures
 */
export function report(figures: () => Figures): () => void {
  return Deno.stdout.isTerminal() ? drawBlock(figures) : printLines(figures);
}

function drawBlock(figures: () => Figures): () => void {
  const encoder = new TextEncoder();
  const screen = createScreen(
    (text) => void Deno.stdout.writeSync(encoder.encode(text)),
    () => Deno.consoleSize(),
  );
  const restore = Deno.stderr.isTerminal() ? printErrorsAbove(screen) : () => {};
  const draw = () => screen.draw(block(figures(), Date.now()));
  draw();
  const timer = setInterval(draw, DRAW_EVERY_MS);
  return () => {
    clearInterval(timer);
    draw();
    restore();
  };
}

function printLines(figures: () => Figures): () => void {
  let last: string | undefined;
  const timer = setInterval(() => {
    const next = line(figures());
    if (next !== last) console.log(next);
    last = next;
  }, LINE_EVERY_MS);
  return () => {
    clearInterval(timer);
    printAll(figures());
  };
}

/** The whole block, once. */
export function printAll(figures: Figures): void {
  for (const text of block(figures, Date.now())) console.log(text);
}

/** A block of lines at the end of a terminal, redrawn in its place. Other output goes above it. */
export interface Screen {
  draw(lines: readonly string[]): void;
  /** Takes the block away, lets `print` print, and puts the block back below. */
  above(print: () => void): void;
}

/** @param size of the terminal, characters */
export function createScreen(
  write: (text: string) => void,
  size: () => { columns: number; rows: number },
): Screen {
  let drawn: readonly string[] = [];
  const erase = () => drawn.length > 0 ? `\x1b[${drawn.length}A\x1b[J` : "";
  const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");
  return {
    draw(lines) {
      const { columns, rows } = size();
      // A line that wraps, or a block that scrolls, could not be erased.
      const fitting = lines.slice(0, rows - 1).map((line) => line.slice(0, columns));
      write(erase() + text(fitting));
      drawn = fitting;
    },
    above(print) {
      write(erase());
      print();
      write(text(drawn));
    },
  };
}

/** From now on stderr (the log) goes above the block. Returns a function that ends this. */
export function printErrorsAbove(screen: Screen): () => void {
  const print = console.error;
  console.error = (...values) => screen.above(() => print(...values));
  return () => console.error = print;
}
