import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { blamed, type Cause, causeInPostgres, causeInSqlite, isMissingTable } from "./blame.ts";
import { RetryableError } from "../runtime/errors.ts";

type Expected = readonly [Cause["blame"], wayOut?: string, then?: "reconnect"];

function assertCause({ blame, wayOut, reconnect }: Cause, expected: Expected, of: string): void {
  const [expectedBlame, words, then] = expected;
  assertEquals([blame, reconnect ?? false], [expectedBlame, then === "reconnect"], of);
  if (words) assertStringIncludes(wayOut ?? "", words, of);
}

/** What cannot be had on every machine's PostgreSQL; the rest is in postgres_blame_int_test.ts. */
const SQLSTATES: Readonly<Record<string, Expected>> = {
  "08006": ["store", "", "reconnect"],
  "0A000": ["store", "", "reconnect"],
  "21000": ["bug"],
  "22P02": ["record"],
  "23505": ["record"],
  "23P01": ["record"],
  "25001": ["store", "", "reconnect"],
  "25006": ["store", "DATABASE_URL has to reach the primary", "reconnect"],
  "28P01": ["store", "password", "reconnect"],
  "3F000": ["store", "it was dropped"],
  "40001": ["store"],
  "40P01": ["store"],
  "42601": ["bug"],
  "42P01": ["store", "DATABASE_URL names another database"],
  "53100": ["store", "free space on the disk of the server"],
  "53200": ["store", "memory", "reconnect"],
  "53300": ["store", "max_connections", "reconnect"],
  "53400": ["store"],
  "54000": ["record"],
  "55000": ["store"],
  "57014": ["store", "took too long"],
  "57P01": ["store", "", "reconnect"],
  "57P02": ["store", "", "reconnect"],
  "57P03": ["store", "", "reconnect"],
  "57P05": ["store", "", "reconnect"],
  "58030": ["store", "restore it from a backup", "reconnect"],
  "P0001": ["store"],
  "XX000": ["store", "", "reconnect"],
  "XX002": ["store", "reindex", "reconnect"],
  "ZZZZZ": ["store"],
};

Deno.test("causeInPostgres: only classes 22 and 23, and a row that is too long, are a record's", () => {
  for (const [code, expected] of Object.entries(SQLSTATES)) {
    assertCause(causeInPostgres(code), expected, code);
  }
});

const RESULT_CODES: readonly [code: number, message: string, Expected][] = [
  [1, "no such table: payments", ["store", "DATA_DIR names another folder"]],
  [1, "no such column: state", ["store", "the table was changed"]],
  [1, "table payments has no column named state", ["store", "the table was changed"]],
  [1, "ON CONFLICT clause does not match any PRIMARY KEY or UNIQUE constraint", ["store"]],
  [1, 'near "selec": syntax error', ["bug"]],
  [2, "internal logic error", ["store", "", "reconnect"]],
  [5, "database is locked", ["store", "another process"]],
  [261, "database is locked", ["store", "another process"]],
  [7, "out of memory", ["store", "memory"]],
  [8, "attempt to write a readonly database", ["store", "rights of the file", "reconnect"]],
  [778, "disk I/O error", ["store", "the disk fails", "reconnect"]],
  [11, "database disk image is malformed", ["store", "from a backup", "reconnect"]],
  [267, "database disk image is malformed", ["store", "from a backup", "reconnect"]],
  [13, "database or disk is full", ["store", "free space on its disk"]],
  [14, "unable to open database file", ["store", "rights of the file", "reconnect"]],
  [18, "string or blob too big", ["record"]],
  [1555, "UNIQUE constraint failed: payments.order_id", ["record"]],
  [3091, "cannot store TEXT value in INTEGER column", ["record"]],
  [20, "datatype mismatch", ["record"]],
  [21, "bad parameter or other API misuse", ["bug"]],
  [25, "column index out of range", ["bug"]],
  [26, "file is not a database", ["store", "no SQLite database", "reconnect"]],
  [254, "a code of tomorrow", ["store", "", "reconnect"]],
];

Deno.test("causeInSqlite: only constraints, mismatches and values that are too big are a record's", () => {
  for (const [code, message, expected] of RESULT_CODES) {
    assertCause(causeInSqlite(code, message), expected, `${code}: ${message}`);
  }
});

Deno.test("blamed: names the place, what was said and the way out; a record's error stays as it is", () => {
  const error = new Error("database or disk is full");
  const full = blamed(error, causeInSqlite(13, error.message), "SQLite at .data/payment.db");
  assert(full instanceof RetryableError);
  assertEquals(
    full.message,
    "SQLite at .data/payment.db: database or disk is full; free space on its disk",
  );
  assert(blamed(error, { blame: "bug" }, "SQLite") instanceof TypeError);
  assert(blamed(error, { blame: "record" }, "SQLite") === error);
});

Deno.test("isMissingTable: of both databases, and of nothing else", () => {
  const missing = Object.assign(new Error('relation "own.notes" does not exist'), {
    code: "42P01",
  });
  const inSqlite = new Error("no such table: notes");
  const wrapped = (cause: Error) => new RetryableError("", { cause });
  assertEquals(
    [wrapped(missing), wrapped(inSqlite), missing, wrapped(new Error("away")), "a string"]
      .map(isMissingTable),
    [true, true, false, false, false],
  );
});
