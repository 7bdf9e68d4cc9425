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
  watch.taken("a/0", "a", "1");
  watch.taken("a/1", "a", "1");
  watch.taken("b/0", "b", "2");
  return { watch, told, asked: () => asked };
}

Deno.test("TopicWatch: asks once for each doubt", async () => {
  const { watch, told, asked } = watchOf(() => ({ a: "1", b: "2" }));
  await Promise.all([watch.settled(), watch.settled()]);
  assertEquals(asked(), 1);
  watch.doubt();
  await watch.settled();
  assertEquals([asked(), told], [2, []]);
});

Deno.test("TopicWatch: tells the inputs of a topic that was created anew, once", async () => {
  const ids = { a: "1", b: "2" };
  const { watch, told } = watchOf(() => ids);
  ids.a = "3";
  await watch.settled();
  assertEquals(told, ["a/0", "a/1"]);
  watch.taken("a/0", "a", "3");
  watch.doubt();
  await watch.settled();
  assertEquals(told, ["a/0", "a/1"]);
});

Deno.test("TopicWatch: who could not be told is told again, and nobody goes on before", async () => {
  const logs = { topicIds: () => Promise.resolve(new Map([["a", "3"]])) };
  const told: string[] = [];
  let fails = true;
  const watch = new TopicWatch(logs, (inputs) => {
    if (fails) return Promise.reject(new TopicUnknown("a"));
    return Promise.resolve(void told.push(...inputs));
  });
  watch.taken("a/0", "a", "1");
  await assertRejects(() => watch.settled(), TopicUnknown);
  await assertRejects(() => watch.settled(), TopicUnknown);
  fails = false;
  await watch.settled();
  assertEquals(told, ["a/0"]);
});

Deno.test("TopicWatch: nobody goes on before all that was found is told, however often it is doubted", async () => {
  const { promise: told, resolve: tell } = Promise.withResolvers<void>();
  const { promise: telling, resolve: begun } = Promise.withResolvers<void>();
  const logs = { topicIds: () => Promise.resolve(new Map([["a", "3"]])) };
  const events: string[] = [];
  const watch = new TopicWatch(logs, async () => {
    begun();
    await told;
    events.push("told");
  });
  watch.taken("a/0", "a", "1");
  watch.doubt();
  await telling;
  watch.doubt();
  const goingOn = watch.settled().then(() => void events.push("went on"));
  // Time enough for another comparison to end before.
  for (let turns = 0; turns < 20; turns++) await Promise.resolve();
  tell();
  await goingOn;
  assertEquals(events, ["told", "went on"]);
});

Deno.test("TopicWatch: doubts that come faster than answers wait for one more comparison, not for each", async () => {
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
  watch.taken("a/0", "a", "1");
  watch.doubt();
  await turns();
  for (let doubts = 0; doubts < 100; doubts++) watch.doubt();
  let settled = false;
  const settling = watch.settled().then(() => settled = true);
  answers[0]!();
  await turns();
  assertEquals([settled, answers.length], [false, 2]);
  answers[1]!();
  await settling;
  assertEquals(answers.length, 2);
});

Deno.test("TopicWatch: nobody goes on while a topic is away, and it is asked again", async () => {
  const ids: Record<string, string> = { b: "2" };
  const { watch, told, asked } = watchOf(() => ids);
  await assertRejects(() => watch.settled(), TopicUnknown, "the topic a is not there");
  ids.a = "3";
  await watch.settled();
  assertEquals([asked(), told], [2, ["a/0", "a/1"]]);
});

Deno.test("TopicWatch: brokers without ids, inputs without, and those given back: nothing is told", async () => {
  const without = watchOf(() => undefined);
  await without.watch.settled();
  const { watch, told } = watchOf(() => ({ a: "3", b: "2" }));
  watch.taken("a/0", "a", null);
  watch.released("a/1");
  await watch.settled();
  assertEquals([without.told, told], [[], []]);
});
