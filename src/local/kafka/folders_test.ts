import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { writableFolder } from "./folders.ts";
import { Failure } from "../../runtime/errors.ts";

Deno.test("writableFolder: makes it and leaves nothing in it; what cannot be one is named, with its setting", async () => {
  const parent = await Deno.makeTempDir();
  try {
    const folder = join(parent, "a/b");
    await writableFolder(folder);
    await writableFolder(folder);
    assertEquals([...Deno.readDirSync(folder)], []);
    // Below a file not even root may write.
    const file = join(parent, "file");
    await Deno.writeTextFile(file, "");
    for (const path of [file, join(file, "below")]) {
      const says = `the folder ${path} (DATA_DIR) cannot be written to: `;
      const { message } = await assertRejects(() => writableFolder(path), Failure, says);
      assertEquals(message.includes("\n"), false);
    }
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});
