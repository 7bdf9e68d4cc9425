import { assertEquals } from "@std/assert";
import { createScreen, printErrorsAbove } from "./report.ts";

/** What a terminal shows after some output: knows line feeds, "up n lines" and "clear below". */
function createTerminal() {
  const lines: string[] = [];
  let row = 0;
  return {
    write(text: string): void {
      // deno-lint-ignore no-control-regex
      for (const part of text.split(/(\x1b\[\d*[AJ]|\n)/)) {
        if (part === "\n") row++;
        else if (part === "\x1b[J") lines.splice(row);
        else if (part.startsWith("\x1b[")) row -= Number(part.slice(2, -1));
        else if (part !== "") lines[row] = part;
      }
    },
    lines,
  };
}

Deno.test("Screen.draw: a block takes the place of the one before, longer or shorter", () => {
  const terminal = createTerminal();
  const screen = createScreen(terminal.write, () => ({ columns: 80, rows: 24 }));
  terminal.write("what was there\n");
  screen.draw(["one", "two", "three"]);
  screen.draw(["four"]);
  assertEquals(terminal.lines, ["what was there", "four"]);
  screen.draw(["five", "six"]);
  assertEquals(terminal.lines, ["what was there", "five", "six"]);
});

Deno.test("Screen.draw: no more than fits, so that nothing wraps or scrolls", () => {
  const terminal = createTerminal();
  const screen = createScreen(terminal.write, () => ({ columns: 5, rows: 3 }));
  screen.draw(["1234567", "2", "3", "4"]);
  screen.draw(["abcdefg", "b", "c", "d"]);
  assertEquals(terminal.lines, ["abcde", "b"]);
});

Deno.test("printErrorsAbove: what is printed on stderr stays, above the block", () => {
  const terminal = createTerminal();
  const screen = createScreen(terminal.write, () => ({ columns: 80, rows: 24 }));
  const original = console.error;
  console.error = (text: string) => terminal.write(`${text}\n`);
  const stand = console.error;
  try {
    const restore = printErrorsAbove(screen);
    screen.draw(["block"]);
    console.error("a log line");
    screen.draw(["block 2"]);
    assertEquals(terminal.lines, ["a log line", "block 2"]);
    restore();
    assertEquals(console.error, stand);
  } finally {
    console.error = original;
  }
});
