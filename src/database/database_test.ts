import { assertEquals, assertThrows } from "@std/assert";
import { jsonIn, table } from "./database.ts";
import { RetryableError } from "../runtime/errors.ts";

const notes = table("notes", "id", { id: "text", body: "text" });

Deno.test("jsonIn: what is no JSON is the store's fault, and its row is named", () => {
  assertEquals(jsonIn(notes, { id: "a", body: "[1]" }, "body"), [1]);
  for (const body of [null, "", "{"]) {
    assertThrows(
      () => jsonIn(notes, { id: "a", body }, "body"),
      RetryableError,
      `table notes: the row of a cannot be read: body is ${JSON.stringify(body)}`,
    );
  }
});
