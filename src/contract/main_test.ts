/** `deno task contract --check` beside a repository with contracts of before. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parse, stringify } from "yaml";
import { argumentsOf, PROJECT } from "../local/task.ts";
import { lacks, program } from "../testing/skips.ts";
import { contractText } from "./main.ts";

const GIT = program("git", "the contract's gate", "install git");

const text = new TextDecoder();

async function run(command: string, args: string[], options: Deno.CommandOptions) {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, ...options }).output();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** @param contracts by tag, in the order of their commits; undefined: a commit without one */
async function repositoryOf(contracts: Record<string, string | undefined>) {
  const folder = await Deno.makeTempDir({ prefix: "orderflow-contract-" });
  const git = async (...args: string[]) => {
    const identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
    const { code, stderr } = await run("git", [...identity, ...args], { cwd: folder });
    assertEquals(code, 0, stderr);
  };
  await git("init", "--quiet");
  await Deno.mkdir(`${folder}/docs`);
  for (const [tag, contract] of Object.entries(contracts)) {
    if (contract !== undefined) await Deno.writeTextFile(`${folder}/docs/asyncapi.yaml`, contract);
    await git("add", ".");
    await git("commit", "--quiet", "--allow-empty", "--message", tag);
    await git("tag", tag);
  }
  return {
    /** The task in this checkout, with the history of that folder. */
    check: (...ref: string[]) =>
      run(Deno.execPath(), [...argumentsOf("contract"), "--check", ...ref], {
        cwd: PROJECT,
        env: { GIT_DIR: `${folder}/.git`, NO_COLOR: "1" },
      }),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test({
  name: "contract --check: 0 where nothing breaks, 1 where something does, 2 for no commit",
  ignore: lacks(GIT),
  async fn() {
    const before = parse(contractText());
    const { payload } = before.components.messages["OrderPlaced.v1"];
    payload.properties.coupon = { type: "string" };
    payload.required.push("coupon");
    await using repository = await repositoryOf({
      first: undefined,
      same: contractText(),
      coupon: stringify(before),
      damaged: "channels: [",
    });
    const { check } = repository;

    assertEquals(await check("same"), {
      code: 0,
      stdout: "nothing breaks the contract of same\n",
      stderr: "",
    });
    const broken = await check("coupon");
    assertEquals(broken.code, 1);
    assertMatch(broken.stdout, /^BREAKS orders\.raw: OrderPlaced version 1: coupon is gone, and /);
    assertStringIncludes(broken.stdout, "\n1 change would break the contract of coupon\n");
    const first = await check("first");
    assertEquals(first.code, 0, first.stderr);
    assertStringIncludes(first.stdout, "first has no docs/asyncapi.yaml");

    const asJson = await check("coupon", "--json");
    const { violations, ...others } = JSON.parse(asJson.stdout);
    assertEquals([asJson.code, others], [1, { ref: "coupon", compared: true, notes: [] }]);
    assertMatch(violations.join(), /^orders\.raw: OrderPlaced version 1: coupon is gone, and /);

    for (const ref of ["nothing", "same --", ""]) {
      const unknown = await check(ref);
      assertEquals(unknown.code, 2, unknown.stdout);
      assertStringIncludes(
        unknown.stderr,
        `--check: expected a commit, a tag or a branch, found "${ref}"`,
      );
    }
    const { code, stderr } = await check();
    assertEquals(code, 2);
    assertStringIncludes(stderr, "--check: expected REF after it");
    const damaged = await check("damaged");
    assertEquals(damaged.code, 1);
    assertMatch(damaged.stderr, /^contract: docs\/asyncapi\.yaml at damaged cannot be read: /);
  },
});
