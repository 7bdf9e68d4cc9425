/** `deno task kind:load`: the image of this checkout, as it is now, in the running cluster. */
import { runProgram } from "../program.ts";
import { buildAndLoad } from "./tools.ts";
import { openCluster, settings } from "./settings.ts";

const OURS = "app.kubernetes.io/instance=orderflow";

Deno.exit(
  await runProgram({
    name: "kind:load",
    settings,
    async run({ config }) {
      await buildAndLoad(config);
      const cluster = openCluster();
      // The tag is the same as before: only new pods see the new image.
      await cluster.kubectl(["rollout", "restart", "deployment", "-l", OURS], { show: true });
      await cluster.kubectl(["rollout", "status", "deployment", "-l", OURS, "--timeout=3m"], {
        show: true,
      });
    },
  }),
);
