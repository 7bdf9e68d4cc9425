import { assertEquals } from "@std/assert";
import { errorOf, ERRORS, remedyOf } from "./error_codes.ts";

/** The rows of the table under a heading of `docs/transaction-errors.md`, as trimmed cells. */
async function rowsBelow(heading: string): Promise<string[][]> {
  const text = await Deno.readTextFile(
    new URL("../../../docs/transaction-errors.md", import.meta.url),
  );
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`))!;
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  // Without the head and the line below it.
  return rows.slice(2).map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

Deno.test("ERRORS: docs/transaction-errors.md has the same table", async () => {
  const documented = (await rowsBelow("Errors")).map(
    ([type, code, _requests, meaning, remedy]) => [type, code, meaning, remedy],
  );
  const coded = Object.entries(ERRORS).map(
    ([type, { code, meaning, remedy }]) => [type, String(code), meaning, `\`${remedy}\``],
  );
  assertEquals(documented, coded);
});

Deno.test("ERRORS: each code once", () => {
  const codes = Object.values(ERRORS).map(({ code }) => code);
  assertEquals(codes.length, new Set(codes).size);
});

Deno.test("remedyOf, errorOf: 0 is no error; an unknown code ends the transaction", () => {
  assertEquals(remedyOf(0), "success");
  assertEquals(remedyOf(9_999), "fence");
  const { type, remedy, message } = errorOf(9_999, "EndTxn of an id");
  assertEquals(
    [type, remedy, message],
    ["UNKNOWN_ERROR_CODE", "fence", "EndTxn of an id: 9999"],
  );
});
