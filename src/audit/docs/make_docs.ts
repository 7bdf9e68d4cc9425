/** `deno task docs:audit` writes the promises, queries and tables into docs/audit.md. A test compares. */
import { CHECKS } from "../checks.ts";
import { DERIVED } from "../derive.ts";
import { QUESTIONS } from "./questions.ts";
import { tablesSql } from "../schema.ts";
import { wrapSql } from "./wrap.ts";

export const AUDIT_PAGE = new URL("../../../docs/audit.md", import.meta.url);

const BEGIN = "<!-- made by deno task docs:audit from here on -->";

/** A query that is longer is folded. */
const MAX_LINES = 100;

const GUARANTEES = {
  G1: "every acknowledged order reaches exactly one outcome",
  G2: "no event is published twice, and the events of an order agree",
  G3: "stock is never negative and never leaks",
  G4: "every order is charged once",
  G5: "a message that cannot be processed is a dead letter, and stops no other",
} as const;

function block(sql: string): string {
  const wrapped = wrapSql(sql.trim());
  const text = `\`\`\`sql\n${wrapped}\n\`\`\`\n`;
  const lines = wrapped.split("\n").length;
  if (lines <= MAX_LINES) return text;
  return `<details>\n<summary>${lines} lines of SQL</summary>\n\n${text}\n</details>\n`;
}

function promises(): string {
  const checks = Object.entries(CHECKS);
  return Object.entries(GUARANTEES).map(([guarantee, words]) =>
    `### ${guarantee}: ${words}\n\n` +
    checks.filter(([, check]) => check.guarantee === guarantee)
      .map(([name, { promise, sql }]) => `#### ${name}\n\n**${promise}**\n\n${block(sql)}`)
      .join("\n")
  ).join("\n");
}

/** The page with what is made put in place of what was. */
export function auditPage(page: string): string {
  const questions = QUESTIONS.map(({ title, answer, sql }) =>
    `### ${title}\n\n${answer}\n\n${block(sql)}`
  );
  const derived = DERIVED.map(([what, sql]) => `### ${what}\n\n${block(sql)}`);
  return `${page.slice(0, page.indexOf(BEGIN))}${BEGIN}

## The promises and their queries

No row: the promise holds. A row names what breaks it (\`who\`), and how (\`what\`).

${promises()}
## Questions of your own

Put in your run, times and customer.

${questions.join("\n")}
## The tables as they are loaded

${block(tablesSql())}
## What is derived from them

${derived.join("\n")}`;
}

if (import.meta.main) {
  const page = Deno.readTextFileSync(AUDIT_PAGE);
  const made = auditPage(page);
  if (made !== page) Deno.writeTextFileSync(AUDIT_PAGE, made);
  console.log(`docs/audit.md ${made === page ? "is up to date" : "written"}`);
}
