import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError, readConfig } from "../../runtime/config.ts";
import { asOptions, commandToGoOn, settings, sharesFit } from "./settings.ts";

function read(...args: string[]) {
  const sources = {
    args,
    env: () => undefined,
    readFile: () => {
      throw new Deno.errors.NotFound();
    },
  };
  return readConfig(settings, { sources, checks: [sharesFit] }).config;
}

Deno.test("settings: a newcomer's simulator places 100 orders a second until it is stopped", () => {
  const { orders, ratePerS, durationS, runId } = read();
  assertEquals({ orders, ratePerS, durationS, runId }, {
    orders: 0,
    ratePerS: 100,
    durationS: 0,
    runId: "",
  });
});

Deno.test("settings: every option of the demo is one of the simulator", () => {
  const { orders, ratePerS, seed } = read("--orders", "20000", "--rate", "0", "--seed", "7");
  assertEquals([orders, ratePerS, seed], [20_000, 0, 7]);
});

const faults: [string, string[], string][] = [
  ["a run id with a dash", ["--run", "r-1"], "--run: expected at most 32 letters and digits"],
  ["a share above 1", ["--refused-share", "1.1"], "--refused-share: expected a number from 0 to 1"],
  ["shares above 1 together", ["--refused-share", "0.6", "--broken-share", "0.5"], "0.6 and 0.5"],
  ["a negative rate", ["--rate=-1"], "--rate: expected a number from 0"],
];

for (const [what, args, message] of faults) {
  Deno.test(`settings: ${what} is a fault that names itself`, () => {
    assertStringIncludes(assertThrows(() => read(...args), ConfigError).message, message);
  });
}

Deno.test("asOptions: settings as they are said on the command line", () => {
  assertEquals(
    asOptions({ seed: 7, zipfExponent: 1.5 }, ["seed", "zipfExponent"]),
    "--seed 7 --zipf 1.5",
  );
});

Deno.test("commandToGoOn: says the same orders and rate, and nothing that needs no saying", () => {
  assertEquals(commandToGoOn("r1", read()), "deno task simulator --run r1");
  const said = "--orders 20000 --rate 0 --seed 7 --refused-share 0 --broken-share 0.1 --zipf 0.5";
  const config = read(...said.split(" "), "--duration", "5");
  assertEquals(commandToGoOn("r1", config), `deno task simulator --run r1 ${said}`);
  // And the command means what it says.
  assertEquals(read(...said.split(" ")), { ...config, durationS: 0 });
});
