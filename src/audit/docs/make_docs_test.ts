/** What docs/audit.md shows is what the audit does, and its questions have answers. */
import { assert, assertEquals } from "@std/assert";
import { CHECKS } from "../checks.ts";
import { DERIVED } from "../derive.ts";
import { AUDIT_PAGE, auditPage } from "./make_docs.ts";
import { QUESTIONS } from "./questions.ts";
import { wrapSql } from "./wrap.ts";
import { eventIn, orderId } from "../testing/fixture.ts";
import { databaseOf } from "../testing/audit_fixture.ts";
import { createFixture } from "../testing/scenarios.ts";

Deno.test("docs/audit.md: is what deno task docs:audit makes of the audit", () => {
  const page = Deno.readTextFileSync(AUDIT_PAGE);
  assert(page === auditPage(page), "run deno task docs:audit, and commit the file");
});

Deno.test("wrapSql: breaks lines at words, commas and ||, and never in a text or a comment", () => {
  const long = "x".repeat(35);
  assertEquals(
    wrapSql(`select '${long}, and ${long}' as a, (b and c), d || '${long}' from e where f and g`),
    `select '${long}, and ${long}' as a,\n  (b and c), d || '${long}' from e where f and g`,
  );
  assertEquals(
    wrapSql(`  where a in (${long}, ${long}) and (b = '${long}' or c or d)`),
    `  where a in (${long}, ${long})\n    and (b = '${long}' or c or d)`,
  );
  const comment = `-- ${long} and ${long}, where`;
  assertEquals(wrapSql(comment), comment);
});

Deno.test("wrapSql: leaves every query of the audit as it is but for its lines", () => {
  const words = (sql: string) => sql.replaceAll(/\s+/g, " ").trim();
  for (const sql of [...Object.values(CHECKS).map(({ sql }) => sql), ...DERIVED.map((d) => d[1])]) {
    const wrapped = wrapSql(sql);
    assertEquals(words(wrapped), words(sql));
    const long = wrapped.split("\n").filter((line) => line.length > 100 && !/^ *--/.test(line));
    assertEquals(long, []);
  }
});

const SCENARIOS = ["confirmed", "out_of_stock", "card_declined", "parked"] as const;

/** Of a fixture of these: the first column of the rows, and how many there are. */
const ANSWERS = [
  { first: orderId(0), rows: 3 },
  { first: "00:00:00.000", rows: createFixture(SCENARIOS).records.filter(eventIn).length },
  { first: orderId(3), rows: 1 },
  { first: orderId(1), rows: 1 },
  { first: "p-1", rows: 2 },
];

Deno.test("docs/audit.md: each question has its answer", async () => {
  const database = await databaseOf(createFixture(SCENARIOS));
  const answers = QUESTIONS.map(({ sql }) => {
    const rows = database.prepare(sql).all();
    return { first: Object.values(rows[0] ?? {})[0], rows: rows.length };
  });
  database.close();
  assertEquals<unknown>(answers, ANSWERS);
});

async function hasSqlite3(): Promise<boolean> {
  try {
    return (await new Deno.Command("sqlite3", { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

Deno.test({
  name: "docs/audit.md: sqlite3 answers the same from the kept file",
  ignore: !await hasSqlite3(),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const file = `${folder}/audit.sqlite`;
      (await databaseOf(createFixture(SCENARIOS), {}, file)).close();
      const answers: unknown[] = [];
      for (const { title, sql } of QUESTIONS) {
        const args = ["-readonly", "-json", file, sql];
        const { success, stdout, stderr } = await new Deno.Command("sqlite3", { args }).output();
        assert(success, `${title}: ${new TextDecoder().decode(stderr)}`);
        const rows = JSON.parse(new TextDecoder().decode(stdout));
        answers.push({ first: Object.values(rows[0])[0], rows: rows.length });
      }
      assertEquals<unknown>(answers, ANSWERS);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
