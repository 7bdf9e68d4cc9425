/** `deno task kind:down`: deletes the kind cluster, and all that is in it. */
import { runProgram } from "../program.ts";
import { run } from "./cluster.ts";
import { NAME } from "./settings.ts";

Deno.exit(
  await runProgram({
    name: "kind:down",
    settings: {},
    async run() {
      await run(["kind", "delete", "cluster", "--name", NAME], { show: true });
    },
  }),
);
