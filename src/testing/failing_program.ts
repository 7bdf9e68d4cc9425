/** A program with a bug, for the test of what people see of it. */
import { runProgram } from "../program.ts";
import { flag } from "../runtime/setting.ts";

Deno.exit(
  await runProgram({
    name: "failing",
    isService: Deno.args.includes("--service"),
    settings: { service: flag({ option: "service", fallback: "false", help: "as a service" }) },
    run: () => Promise.reject(new TypeError("a bug")),
  }),
);
