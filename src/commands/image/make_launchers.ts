/** Writes the image's programs into a folder: `make_launchers.ts FOLDER`, in the project's folder. */
import { launchers } from "./launchers.ts";

const [folder] = Deno.args;
if (folder === undefined) throw new TypeError("expected a folder: make_launchers.ts FOLDER");
const { tasks } = JSON.parse(await Deno.readTextFile("deno.json"));
await Deno.mkdir(folder, { recursive: true });
for (const [name, script] of launchers(tasks)) {
  await Deno.writeTextFile(`${folder}/${name}`, script, { mode: 0o755 });
}
