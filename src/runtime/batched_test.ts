import { assertEquals, assertRejects } from "@std/assert";
import { batched } from "./batched.ts";

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

Deno.test("batched: an error is that of all items of its call, and of no other", async () => {
  let left = 1;
  const once = batched((items: readonly string[]) =>
    left-- > 0 ? Promise.reject(new Error("refused")) : Promise.resolve(items)
  );
  const [one, other] = [once("a"), once("b")];
  await assertRejects(() => one, Error, "refused");
  await assertRejects(() => other, Error, "refused");
  assertEquals(await once("c"), "c");
});
