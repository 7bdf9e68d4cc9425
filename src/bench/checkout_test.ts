import { assertEquals, assertThrows } from "@std/assert";
import { fileURLToPath } from "node:url";
import { PROJECT } from "../local/task.ts";
import { openCheckout } from "./checkout.ts";

Deno.test("openCheckout: this project is one", () => {
  assertEquals(openCheckout(fileURLToPath(PROJECT)).href, PROJECT.href);
});

Deno.test("openCheckout: a folder without deno.json, or without a task, is none", async () => {
  const folder = await Deno.makeTempDir({ prefix: "orderflow-checkout-" });
  try {
    assertThrows(() => openCheckout(folder), Error, `${folder} is no checkout of orderflow: `);
    await Deno.writeTextFile(
      `${folder}/deno.json`,
      JSON.stringify({ tasks: { topics: "deno run x.ts" } }),
    );
    assertThrows(() => openCheckout(folder), Error, 'deno.json has no task "seed"');
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
