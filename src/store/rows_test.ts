import { assertEquals, assertThrows } from "@std/assert";
import { table, Unavailable } from "./database.ts";
import { jsonIn } from "./rows.ts";

const notes = table("notes", "id", { id: "text", body: "text" });

Deno.test("jsonIn: what is no JSON is the store's fault, and its row is named", () => {
  assertEquals(jsonIn(notes, { id: "a", body: "[1]" }, "body"), [1]);
  for (const body of [null, "", "{"]) {
    assertThrows(
      () => jsonIn(notes, { id: "a", body }, "body"),
      Unavailable,
      `table notes: the row of a cannot be read: body is ${JSON.stringify(body)}`,
    );
  }
});
