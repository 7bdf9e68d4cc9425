/** Shows the figures on stdout for as long as they change: a block in a terminal, else a line. */
import { block, line } from "./display.ts";
import type { Figures } from "../figures.ts";
import { createScreen, printErrorsAbove } from "./screen.ts";

const DRAW_EVERY_MS = 1_000;
const LINE_EVERY_MS = 5_000;

/**
 * @returns how to end it; the figures as they are then are shown last
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
