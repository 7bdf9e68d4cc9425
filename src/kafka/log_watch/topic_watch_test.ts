import { assertEquals, assertRejects } from "@std/assert";
import { TopicUnknown } from "./log_states.ts";
import { TopicWatch } from "./topic_watch.ts";

/** A watch of two inputs of one topic, and one of another. */
function watchOf(answer: () => Record<string, string> | undefined) {
  const told: string[] = [];
  let asked = 0;
  const logs = {
    topicIds: () => {
      asked++;
      const ids = answer();
      return Promise.resolve(ids && new Map(Object.entries(ids)));
    },
  };
  const watch = new TopicWatch(logs, (inputs) => Promise.resolve(void told.push(...inputs)));
  watch.add("a/0", "a", "1");
  watch.add("a/1", "a", "1");
  watch.add("b/0", "b", "2");
  return { watch, told, asked: () => asked };
}

Deno.test("TopicWatch.check: asks once after each invalidate", async () => {
  const { watch, told, asked } = watchOf(() => ({ a: "1", b: "2" }));
  await Promise.all([watch.check(), watch.check()]);
  assertEquals(asked(), 1);
  watch.invalidate();
  await watch.check();
  assertEquals([asked(), told], [2, []]);
});

Deno.test("TopicWatch: tells the inputs of a topic that was created anew, once", async () => {
  const ids = { a: "1", b: "2" };
  const { watch, told } = watchOf(() => ids);
  ids.a = "3";
  await watch.check();
  assertEquals(told, ["a/0", "a/1"]);
  watch.add("a/0", "a", "3");
  watch.invalidate();
  await watch.check();
  assertEquals(told, ["a/0", "a/1"]);
});

Deno.test("TopicWatch.check: what could not be told is told again, and no reader goes on before", async () => {
  const logs = { topicIds: () => Promise.resolve(new Map([["a", "3"]])) };
  const told: string[] = [];
  let fails = true;
  const watch = new TopicWatch(logs, (inputs) => {
    if (fails) return Promise.reject(new TopicUnknown("a"));
    return Promise.resolve(void told.push(...inputs));
  });
  watch.add("a/0", "a", "1");
  await assertRejects(() => watch.check(), TopicUnknown);
  await assertRejects(() => watch.check(), TopicUnknown);
  fails = false;
  await watch.check();
  assertEquals(told, ["a/0"]);
});

Deno.test("TopicWatch.check: no reader goes on before all that was found is told, however often it is invalidated", async () => {
  const { promise: told, resolve: tell } = Promise.withResolvers<void>();
  const { promise: telling, resolve: begun } = Promise.withResolvers<void>();
  const logs = { topicIds: () => Promise.resolve(new Map([["a", "3"]])) };
  const events: string[] = [];
  const watch = new TopicWatch(logs, async () => {
    begun();
    await told;
    events.push("told");
  });
  watch.add("a/0", "a", "1");
  watch.invalidate();
  await telling;
  watch.invalidate();
  const goingOn = watch.check().then(() => void events.push("went on"));
  // Time enough for another comparison to end before.
  for (let turns = 0; turns < 20; turns++) await Promise.resolve();
  tell();
  await goingOn;
  assertEquals(events, ["told", "went on"]);
});

Deno.test("TopicWatch.invalidate: calls that come faster than answers wait for one more comparison, not for each", async () => {
  const answers: (() => void)[] = [];
  const logs = {
    topicIds: () =>
      new Promise<Map<string, string>>((resolve) =>
        answers.push(() => resolve(new Map([["a", "1"]])))
      ),
  };
  const watch = new TopicWatch(logs, () => Promise.resolve());
  const turns = async () => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  watch.add("a/0", "a", "1");
  watch.invalidate();
  await turns();
  for (let i = 0; i < 100; i++) watch.invalidate();
  let checked = false;
  const checking = watch.check().then(() => checked = true);
  answers[0]!();
  await turns();
  assertEquals([checked, answers.length], [false, 2]);
  answers[1]!();
  await checking;
  assertEquals(answers.length, 2);
});

Deno.test("TopicWatch.check: no reader goes on while a topic is away, and it is asked again", async () => {
  const ids: Record<string, string> = { b: "2" };
  const { watch, told, asked } = watchOf(() => ids);
  await assertRejects(() => watch.check(), TopicUnknown, "the topic a is not there");
  ids.a = "3";
  await watch.check();
  assertEquals([asked(), told], [2, ["a/0", "a/1"]]);
});

Deno.test("TopicWatch: brokers without ids, inputs without, and those given back: nothing is told", async () => {
  const without = watchOf(() => undefined);
  await without.watch.check();
  const { watch, told } = watchOf(() => ({ a: "3", b: "2" }));
  watch.add("a/0", "a", null);
  watch.remove("a/1");
  await watch.check();
  assertEquals([without.told, told], [[], []]);
});
