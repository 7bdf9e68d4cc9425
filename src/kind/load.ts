/** `deno task kind:load`: the image of this checkout, as it is now, in the running cluster. */
import { runProgram } from "../program.ts";
import { openCluster, OURS } from "./settings.ts";
import { buildAndLoad, STRIMZI } from "./strimzi.ts";

Deno.exit(
  await runProgram({
    name: "kind:load",
    settings: {},
    async run() {
      await buildAndLoad(STRIMZI);
      const cluster = openCluster();
      // The tag stays the same, so only new pods take the new image.
      await cluster.kubectl(["rollout", "restart", "deployment", "-l", OURS], { show: true });
      await cluster.kubectl(["rollout", "status", "deployment", "-l", OURS, "--timeout=3m"], {
        show: true,
      });
    },
  }),
);
