import { AsyncLocalStorage } from "node:async_hooks";
import { assertEquals, assertRejects } from "@std/assert";
import { batched, together } from "./batched.ts";

Deno.test("batched: what is asked for in one turn, and while a call is under way, goes together", async () => {
  const calls: number[][] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const double = batched(async (items: readonly number[]) => {
    calls.push([...items]);
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    await gate.promise;
    return items.map((item) => 2 * item);
  });
  const first = [double(1), double(2)];
  await Promise.resolve();
  const second = [double(3), double(4), double(5)];
  gates[0]!.resolve();
  assertEquals(await Promise.all(first), [2, 4]);
  gates[1]!.resolve();
  assertEquals(await Promise.all(second), [6, 8, 10]);
  const third = double(6);
  await Promise.resolve();
  gates[2]!.resolve();
  assertEquals([await third, calls], [12, [[1, 2], [3, 4, 5], [6]]]);
});

Deno.test("together: lists are one call, up to a thousand items; each has its own answers", async () => {
  const calls: number[] = [];
  const double = together((items: readonly number[]) => {
    calls.push(items.length);
    return Promise.resolve(items.map((item) => 2 * item));
  });
  const of = (length: number, first: number) => Array.from({ length }, (_, i) => first + i);
  const lists = [of(3, 1), [], of(900, 10), of(200, 5), of(1_500, 0), of(1, 7)];
  const answers = await Promise.all(lists.map(double));
  assertEquals(answers, lists.map((list) => list.map((item) => 2 * item)));
  assertEquals(calls, [903, 200, 1_500, 1]);
});

Deno.test("together: where a call fails, each list is tried by itself, and fails for itself", async () => {
  const calls: string[] = [];
  const refuse = together((items: readonly string[]) => {
    calls.push(items.join(""));
    return items.includes("x") ? Promise.reject(new Error("refused")) : Promise.resolve(items);
  });
  const [one, bad, other] = [refuse(["a", "b"]), refuse(["x"]), refuse(["c"])];
  await assertRejects(() => bad, Error, "refused");
  assertEquals(await Promise.all([one, other]), [["a", "b"], ["c"]]);
  assertEquals(calls, ["abxc", "ab", "x", "c"]);
  assertEquals(await refuse(["d"]), ["d"]);
});

Deno.test("together: an error that is thrown at once is as one of later", async () => {
  const refuse = together((items: readonly string[]): Promise<readonly string[]> => {
    if (items.includes("x")) throw new Error("refused");
    return Promise.resolve(items);
  });
  const [one, bad] = [refuse(["a"]), refuse(["x"])];
  await assertRejects(() => bad, Error, "refused");
  assertEquals([await one, await refuse(["b"])], [["a"], ["b"]]);
});

Deno.test("together: a call is in the async context of its first list, one of a list alone in its own", async () => {
  const storage = new AsyncLocalStorage<string>();
  const calls: string[] = [];
  const gate = Promise.withResolvers<void>();
  const ask = together(async (items: readonly string[]) => {
    calls.push(`${items.join("")} in ${storage.getStore()}`);
    await gate.promise;
    if (items.length > 1) throw new Error("not together");
    return items;
  });
  const first = storage.run("first", () => ask(["a"]));
  await Promise.resolve();
  const others = ["second", "third"].map((name) => storage.run(name, () => ask([name[0]!])));
  gate.resolve();
  await Promise.all([first, ...others]);
  assertEquals(calls, ["a in first", "st in second", "s in second", "t in third"]);
});
