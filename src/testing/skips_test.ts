import { assertEquals } from "@std/assert";
import { lacks, type Need, program, skippedLine, SKIPS_FILE } from "./skips.ts";

const there: Need = { tested: "what is there", missing: () => undefined };
const helm: Need = { tested: "the chart", missing: () => "there is no helm (install it)" };
const browser: Need = { tested: "the page", missing: () => "there is no browser (install one)" };

/** What `lacks` collects while `body` runs. */
async function collected(body: () => void): Promise<string> {
  const before = Deno.env.get(SKIPS_FILE);
  const file = await Deno.makeTempFile();
  try {
    Deno.env.set(SKIPS_FILE, file);
    body();
    return await Deno.readTextFile(file);
  } finally {
    if (before === undefined) Deno.env.delete(SKIPS_FILE);
    else Deno.env.set(SKIPS_FILE, before);
    await Deno.remove(file);
  }
}

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
    const lines = await collected(() => {
      for (const own of needs) assertEquals(lacks(...own), line !== undefined);
    });
    assertEquals(skippedLine(lines), line);
  });
}

Deno.test("program: one that is there, one that is not", () => {
  assertEquals(program("sh", "all", "install it").missing(), undefined);
  assertEquals(
    program("no-such-program", "all", "install it").missing(),
    "there is no no-such-program (install it)",
  );
});
