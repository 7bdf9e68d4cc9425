import { assertEquals } from "@std/assert";
import { helpText, suggest } from "./help.ts";
import { flag, integer, string } from "./setting.ts";

const settings = {
  rate: integer({ env: "RATE", option: "rate", fallback: "5", min: 0, max: 9, help: "orders/s" }),
  keep: flag({ option: "keep", fallback: "false", help: "keeps it" }),
  name: string({ option: "name", value: "NAME", fallback: "", fallbackHelp: "all", help: "which" }),
  brokers: string({ env: "BROKERS", fallback: "", help: "where" }),
  tls: flag({ env: "TLS", fallback: "false", help: "encrypted" }),
};

Deno.test("helpText: purpose, usage, actions, options with their defaults, examples", () => {
  const help = helpText({
    name: "shop",
    purpose: "Runs a shop.",
    settings,
    actions: [
      { usage: "open DOOR", help: "opens it" },
      { usage: "close", help: `${"long ".repeat(19)}text\n  word  ${"means ".repeat(14)}itself` },
    ],
    examples: [["open 1", "the first"], ["close --keep", "all"]],
  });
  assertEquals(
    help,
    `Runs a shop.

Usage: deno task shop ACTION [OPTIONS]

Actions:
  open DOOR
      opens it
  close
      ${"long ".repeat(19).trimEnd()}
      text
        word  ${"means ".repeat(14).trimEnd()}
              itself

Options:
  --rate N, RATE
      orders/s (default: 5)
  --keep
      keeps it
  --name NAME
      which (default: all)
  --env FILE
      the file that settings are read from (default: .env, if there is one)
  -h, --help
      prints this help
  --version
      prints the version
  --debug
      shows where an unexpected error comes from

Environment, or lines of the .env file:
  BROKERS
      where (default: none)
  TLS
      encrypted (default: false)

Exit codes:
  0  it did what was asked
  1  it failed, or was stopped before it was done; standard error says why
  2  the configuration or the command line is at fault, and nothing was done

Examples:
  deno task shop open 1
      the first
  deno task shop close --keep
      all`,
  );
});

Deno.test("helpText: the usage line has the action's own words where there is one way to call it", () => {
  const usageOf = (...usages: string[]) => {
    const actions = usages.map((usage) => ({ usage, help: "" }));
    return helpText({ name: "x", settings: {}, actions }).split("\n")[0];
  };
  assertEquals(usageOf(), "Usage: deno task x [OPTIONS]");
  assertEquals(usageOf("ORDER_ID"), "Usage: deno task x ORDER_ID [OPTIONS]");
  assertEquals(usageOf("[SERVICE]", "reset"), "Usage: deno task x [ACTION] [OPTIONS]");
});

Deno.test("suggest: the one that is close, else all", () => {
  const words = ["--json", "--to", "--topic"];
  assertEquals(suggest("--josn", words), "did you mean --json?");
  assertEquals(suggest("--topci", words), "did you mean --topic?");
  assertEquals(suggest("--t", words), "did you mean --to?");
  assertEquals(suggest("--speed", words), "expected one of --json, --to, --topic");
});
