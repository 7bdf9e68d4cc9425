/** `deno task kind:up`: from nothing to orderflow on a kind cluster. May be repeated. */
import { choice } from "../runtime/setting.ts";
import { runProgram } from "../program.ts";
import { foreignImages } from "./tools.ts";
import { settings } from "./settings.ts";
import { STEPS } from "./steps.ts";

Deno.exit(
  await runProgram({
    name: "kind:up",
    examples: [
      ["", "all steps; may be repeated"],
      ["--only chart", "one step alone"],
    ],
    settings: {
      ...settings,
      only: choice({
        option: "only",
        fallback: "all",
        words: ["all", ...STEPS.map(({ name }) => name)],
        help: `one step alone: ${STEPS.map(({ name, what }) => `${name} (${what})`).join(", ")}`,
      }),
    },
    async run({ config }) {
      const steps = STEPS.filter(({ name }) => config.only === "all" || config.only === name);
      if (config.only === "all") {
        console.log(
          "Images that are not built here; Docker's are loaded, the rest is pulled by the nodes:\n" +
            foreignImages(config).map((image) => `  ${image}`).join("\n"),
        );
      }
      for (const { name, what, run } of steps) {
        const startedAt = performance.now();
        console.log(`${name}: ${what}`);
        await run(config);
        console.log(`  done in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
      }
      if (config.only !== "all" && config.only !== "chart") return;
      console.log(
        "\nNow let orders flow, and see how partitions move when a service is scaled:\n" +
          "  deno task kind:demo\n" +
          "or by hand:\n" +
          "  kubectl -n orderflow scale deployment/orderflow-simulator --replicas=1\n" +
          "  kubectl -n orderflow scale deployment/orderflow-validator --replicas=3\n" +
          "  kubectl -n orderflow exec deployment/orderflow-analytics -- groups validator",
      );
    },
  }),
);
