import { assertEquals } from "@std/assert";
import { type Need, notedIn, program, skippedLine } from "./skips.ts";

const there: Need = { tested: "what is there", missing: () => undefined };
const helm: Need = { tested: "the chart", missing: () => "there is no helm (install it)" };
const browser: Need = { tested: "the page", missing: () => "there is no browser (install one)" };

const cases = [
  { needs: [[]], line: undefined },
  { needs: [[there]], line: undefined },
  {
    needs: [[helm]],
    line: "SKIPPED 1 test: 1 of the chart, because there is no helm (install it)",
  },
  {
    needs: [[helm, browser], [there, browser], [helm]],
    line: "SKIPPED 3 tests: 2 of the chart, because there is no helm (install it); " +
      "1 of the page, because there is no browser (install one)",
  },
];
for (const { needs, line } of cases) {
  Deno.test(`skippedLine: ${line ?? `nothing, of ${needs.flat().length} needs`}`, async () => {
    const file = await Deno.makeTempFile();
    for (const own of needs) assertEquals(notedIn(file, own), line !== undefined);
    assertEquals(skippedLine(await Deno.readTextFile(file)), line);
    await Deno.remove(file);
  });
}

Deno.test("program: one that is there, one that is not", () => {
  assertEquals(program("sh", "all", "install it").missing(), undefined);
  assertEquals(
    program("no-such-program", "all", "install it").missing(),
    "there is no no-such-program (install it)",
  );
});
