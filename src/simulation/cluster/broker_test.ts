import { assertEquals, assertRejects } from "@std/assert";
import { Broker } from "./broker.ts";
import { Disconnected, Unreachable } from "./requests.ts";
import { TestClock } from "./testing/cluster.ts";

function setUp(): { clock: TestClock; broker: Broker; log: string[] } {
  const clock = new TestClock();
  return { clock, broker: new Broker(1, clock), log: [] };
}

function ask(broker: Broker, carryOut: (answer: (value: string) => void) => void): Promise<string> {
  return new Promise((resolve, reject) => broker.ask(carryOut, resolve, reject));
}

Deno.test("Broker: work of a broker that has died is not done, though it is up again", async () => {
  const { clock, broker, log } = setUp();
  broker.after(10, () => log.push("old"));
  const asked = ask(broker, () => {});
  broker.ask(() => {}, () => {}, ({ name }) => log.push(name));
  broker.crash();
  await assertRejects(() => asked, Disconnected);
  await assertRejects(() => ask(broker, (answer) => answer("x")), Unreachable);
  broker.state = "up";
  broker.after(10, () => log.push("new"));
  clock.run(20);
  assertEquals(log, ["Disconnected", "new"]);
});

Deno.test("Broker: what falls due while it is frozen is done in its order when it is thawed, unless it was called off", async () => {
  const { clock, broker, log } = setUp();
  broker.state = "frozen";
  broker.after(10, () => log.push("first"));
  const callOff = broker.after(11, () => log.push("called off"));
  const asked = ask(broker, (answer) => answer(`asked after ${log.join(", ")}`));
  broker.after(12, () => {
    callOff();
    log.push("last");
  });
  clock.run(20);
  assertEquals(log, []);
  callOff();
  broker.thaw();
  assertEquals(log, ["first", "last"]);
  assertEquals(await asked, "asked after ");
});

Deno.test("Broker: a frozen broker that is killed has forgotten what it was asked", async () => {
  const { broker, log } = setUp();
  broker.state = "frozen";
  const asked = ask(broker, (answer) => {
    log.push("asked");
    answer("x");
  });
  broker.crash();
  await assertRejects(() => asked, Disconnected);
  broker.state = "frozen";
  broker.thaw();
  assertEquals(log, []);
});
